"""Plain sentences as Telegram shows them: whatever a member wrote stays what it looks like.

No parse mode anywhere: what is to be more than text is an entity, so nothing needs to be escaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from telegram import MessageEntity, User

from storage.jobs import Member

TEXT_CHARS_MAX = 4096
CAPTION_CHARS_MAX = 1024
NAME_CHARS_MAX = 64
ANSWER_CHARS_MAX = 200
"""Of the answer to a button."""
WORD_JOINER = "\u2060"
"""Invisible, and neither a letter nor a blank."""

# Commands that only show something may be pressed, also out of our own sentences.
_MARKS = re.compile(r"([@#$]|(?<![\w<])/(?!(?:animate|help|history|link|privacy|queue|quota)\b))(?=\w)")


@dataclass(frozen=True, slots=True)
class Told:
    """A message's text, with what is more than text in it."""

    text: str
    entities: tuple[MessageEntity, ...] = ()


def inert(text: str) -> str:
    """Telegram itself makes calls of @name, /command and #tag: without a letter right after the mark it does not."""
    return _MARKS.sub(rf"\1{WORD_JOINER}", text)


def shortened(text: str, chars_max: int) -> str:
    """Telegram counts as JavaScript does: a character beyond the first 65,536 is two."""
    if utf16(text) <= chars_max:
        return text
    kept = text[: chars_max - 1]
    while utf16(kept) > chars_max - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def calling(template: str, member: Member, *, chars_max: int, **gaps: str) -> Told:
    """`template` with the member's name at `{name}`: a name that calls them, also where they have no @name.

    Other gaps are filled with text that is inert.
    """
    name = shortened(inert(member.name).strip() or f"#{member.user_id}", NAME_CHARS_MAX)
    before, called, after = template.partition("{name}")
    before, after = (part.format(**{key: inert(value) for key, value in gaps.items()}) for part in (before, after))
    text = shortened(before + (name if called else "") + after, chars_max)
    if not called or not member.user_id.isdecimal():
        return Told(text)
    user = User(id=int(member.user_id), first_name=name, is_bot=False)
    mention = MessageEntity(MessageEntity.TEXT_MENTION, offset=utf16(before), length=utf16(name), user=user)
    return Told(text, (mention,))
