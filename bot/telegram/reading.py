"""What a message says: which command, to whom, with which options in plain words. Pure.

A command counts where Telegram itself marked one at the very start; "/animate" in a sentence is no command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from telegram import Message, MessageEntity

SECONDS = re.compile(r"(\d{1,9}(?:[.,]\d{0,9})?)\s?s")
GIF = "gif"


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    """Lower case, without slash and address."""
    rest: str
    """What follows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The words of `/animate …`, sorted."""

    prompt: str = ""
    seconds: str | None = None
    seed: str | None = None
    style: str | None = None
    gif: bool = False
    spoiler: bool = False


def read_command(message: Message, username: str) -> Command | None:
    """None where the message begins with none, or with one for another bot. username: of this bot, without its @."""
    text = message.text if message.text is not None else message.caption
    entities = message.entities if message.text is not None else message.caption_entities
    first = next((entity for entity in entities if entity.offset == 0), None)
    if text is None or first is None or first.type != MessageEntity.BOT_COMMAND:
        return None
    # A command is ASCII, so code units are characters here.
    name, _, address = text[1 : first.length].partition("@")
    if address and address.lower() != username.lower():
        return None
    return Command(name.lower(), text[first.length :].strip())


def read_wish(text: str, marks: Mapping[str, str]) -> Wish:
    """Options stand before or after the prompt: "5s", "seed 7", "style gentle", "gif", "spoiler".

    In the middle of a sentence the same words are part of it. marks: the member's language's words for seed, style
    and spoiler, each with the English one that it stands for.
    """
    words = text.split()
    wish = Wish()
    while words:
        found = _option(words, wish, marks) or _option(words, wish, marks, last=True)
        if found is None:
            break
        wish = found
    return replace(wish, prompt=" ".join(words))


def _option(words: list[str], wish: Wish, marks: Mapping[str, str], *, last: bool = False) -> Wish | None:
    """Take one option from the start or the end of the words; None where none stands there, or it was given already."""
    one = words[-1] if last else words[0]
    pair = (words[-2:] if last else words[:2]) if len(words) > 1 else ["", ""]
    key = marks.get(pair[0].lower().rstrip(":"), pair[0].lower().rstrip(":"))
    found: Wish | None = None
    used = 1
    if wish.seconds is None and (seconds := SECONDS.fullmatch(one.lower())):
        found = replace(wish, seconds=seconds[1])
    elif not wish.gif and one.lower() == GIF:
        found = replace(wish, gif=True)
    elif not wish.spoiler and marks.get(one.lower(), one.lower()) == "spoiler":
        found = replace(wish, spoiler=True)
    elif wish.seconds is None and pair[1].lower() == "s" and SECONDS.fullmatch(f"{pair[0]}s"):
        found, used = replace(wish, seconds=pair[0]), 2
    elif wish.seed is None and key == "seed" and pair[1].isdecimal():
        found, used = replace(wish, seed=pair[1]), 2
    elif wish.style is None and key == "style":
        found, used = replace(wish, style=pair[1].lower()), 2
    if found is not None:
        start = len(words) - used if last else 0
        del words[start : start + used]
    return found
