"""Plain sentences as Telegram shows them: whatever a member wrote stays what it looks like.

No parse mode anywhere: what is to be more than text is an entity, so nothing needs to be escaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from telegram import MessageEntity, User

from bot.wording.isolate import FIRST_STRONG_ISOLATE, POP_ISOLATE, isolated
from storage.jobs import Member

TEXT_CHARS_MAX = 4096
CAPTION_CHARS_MAX = 1024
NAME_CHARS_MAX = 64
ANSWER_CHARS_MAX = 200
"""Of the answer to a button."""
WORD_JOINER = "\u2060"
"""Invisible, and neither a letter nor a blank."""

_MARKS = re.compile(
    r"[@#$](?=\w)"  # mentions, tags, the host of an e-mail address
    r"|(?<![\w<])/(?=\w)"  # commands
    r"|:(?=//)"  # addresses with a scheme
    # Host names, also behind joiners and dashes of every kind, which TDLib takes for letters of one. No number has a
    # letter after its point.
    r"|(?<=\S)\.(?=[^\W\d_])"
    r"|(?<=\d)\.(?=\d{1,3}\.\d{1,3}\.\d)"  # addresses of four numbers
)
_PHONES = re.compile(r"\+?\d[\d ().-]{5,30}\d")
_SEED_DIGITS_MAX = 10
"""A number of so many digits, without anything between them, may be a seed: it is to be copied as it is."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message's text, with what is more than text in it."""

    text: str
    entities: tuple[MessageEntity, ...] = ()


def inert(text: str) -> str:
    """With nothing that Telegram itself makes a link, a call or a command of: each is broken where nobody sees it.

    Explicit entities do not keep it from doing so. Source: `is_url_unicode_symbol` in TDLib's MessageEntity.cpp, which
    ends an address at a word joiner.
    """
    text = _MARKS.sub(lambda found: found[0] + WORD_JOINER, text)
    return _PHONES.sub(_no_phone, text)


def _no_phone(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    if len(digits) < 7 or (len(digits) <= _SEED_DIGITS_MAX and found[0].isdecimal()):
        return found[0]
    return re.sub(r"(\d\d)(?=\D*\d)", rf"\1{WORD_JOINER}", found[0].replace("+", "+" + WORD_JOINER))


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
    # The entity is the name alone, without what keeps its script to itself.
    island = isolated(name)
    opened, closed = (
        island[: island.startswith(FIRST_STRONG_ISOLATE)],
        island[len(island) - island.endswith(POP_ISOLATE) :],
    )
    name = island.removeprefix(opened).removesuffix(closed)
    before, called, after = template.partition("{name}")
    before, after = (part.format(**{key: inert(value) for key, value in gaps.items()}) for part in (before, after))
    before, after = (before + opened, closed + after) if called else (before, after)
    text = shortened(before + (name if called else "") + after, chars_max)
    if not called or not member.user_id.isdecimal():
        return Told(text)
    user = User(id=int(member.user_id), first_name=name, is_bot=False)
    mention = MessageEntity(MessageEntity.TEXT_MENTION, offset=utf16(before), length=utf16(name), user=user)
    return Told(text, (mention,))
