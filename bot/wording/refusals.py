"""Refusals that carry figures, said in the member's language."""

from __future__ import annotations

from bot.wording import durations, table
from storage.errors import FlipbookError, QuotaExceeded


def refusal(error: FlipbookError, *, locale: str, now_ms: int) -> str:
    """What to tell the member; an error without figures brings its own sentence."""
    if not isinstance(error, QuotaExceeded):
        return str(error)
    words = table(locale)
    back = ""
    if error.back_at_ms is not None:
        back = words.quota_back.format(wait=durations.about(words, max(0, error.back_at_ms - now_ms)))
    left = durations.seconds(words, error.left_ms)
    needed = durations.seconds(words, error.needed_ms)
    possible_s = error.left_ms // durations.SECOND_MS
    if possible_s < 1:
        return words.quota.format(left=left, needed=needed, back=back)
    possible = durations.seconds(words, possible_s * durations.SECOND_MS)
    return words.quota_try.format(left=left, needed=needed, possible=possible, back=back)
