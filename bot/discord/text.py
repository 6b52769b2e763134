"""Plain sentences as Discord shows them: whatever a member wrote stays what it looks like."""

from __future__ import annotations

import re

from bot.wording import table
from storage.errors import FlipbookError, QuotaExceeded
from storage.jobs import Status

CONTENT_CHARS_MAX = 2000
"""Of a message."""
ALT_TEXT_CHARS_MAX = 1024
COUNTED_MS_MIN = 60_000
"""A shorter wait is over before anybody has read of it."""

_MARKS = re.compile(r"[\\*_~|`<\[\]]|:(?=//)")
_INVITES = re.compile(r"\b(discord(?:app)?\.\w+|dsc\.gg)/", re.IGNORECASE)
"""Discord makes a link of these without being told that they are one."""
_LINE_STARTS = re.compile(r"^(\s*)(#|>|-|\+|\d+(?=[.)]))", re.MULTILINE)


def inert(text: str) -> str:
    """Without markup, links or mentions. Every mark is shown, none has its meaning."""
    text = _MARKS.sub(lambda found: "\\" + found[0], text)
    text = _INVITES.sub(lambda found: found[1] + "\\/", text)
    text = _LINE_STARTS.sub(_line_start, text)
    # Besides what the allowed mentions forbid: nothing even looks like a call to everybody.
    return text.replace("@", "@\u200b")


def content(text: str, *, before: str = "", after: str = "") -> str:
    """A message's text: `before` and `after` are ours and may carry markup; `text` is shortened to fit between."""
    room = CONTENT_CHARS_MAX - len(before) - len(after)
    shown = inert(text)
    if len(shown) > room:
        # A backslash at the cut would escape what follows.
        shown = shown[: room - 1].rstrip("\\").rstrip() + "…"
    return before + shown + after


def small_print(text: str) -> str:
    """A line below a message, smaller than the rest."""
    return f"\n-# {inert(text)}" if text else ""


def countdown(sentence: str, at_ms: int) -> str:
    """The same with a moment in its {when}, which Discord itself keeps true, in each reader's own language."""
    return "\n-# " + inert(sentence).format(when=f"<t:{at_ms // 1000}:R>")


def begins(status: Status, now_ms: int) -> str:
    """When a film that waits will be begun; empty where nobody knows, or where it is a matter of moments."""
    if status.wait_ms is None or status.wait_ms < COUNTED_MS_MIN:
        return ""
    return countdown(table(status.member.locale).discord.begins, now_ms + status.wait_ms)


def back(error: FlipbookError, locale: str) -> str:
    """When a quota that is too small for a film will do; empty for every other refusal."""
    if not isinstance(error, QuotaExceeded) or error.back_at_ms is None:
        return ""
    return countdown(table(locale).discord.enough, error.back_at_ms)


def _line_start(found: re.Match[str]) -> str:
    space, mark = found[1], found[2]
    # "1." starts a list too, but a backslash before a digit would itself be shown.
    return f"{space}{mark}\u200b" if mark.isdigit() else f"{space}\\{mark}"
