"""Times as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.wording.table import Table

SECOND_MS = 1_000
MINUTE_MS = 60_000


def seconds(words: Table, duration_ms: int) -> str:
    """A length of video, exact to a tenth: "2.5 s"."""
    return words.seconds.format(count=number(words, duration_ms / SECOND_MS))


def number(words: Table, value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return text.replace(".", words.decimal_mark)


def about(words: Table, duration_ms: int) -> str:
    """A wait, rounded as its length allows, so that a text changes only when it says something new."""
    if duration_ms < MINUTE_MS:
        # Steps of 5 s below a minute.
        return words.seconds.format(count=max(5, 5 * round(duration_ms / SECOND_MS / 5)))
    minutes = round(duration_ms / MINUTE_MS)
    if minutes < 60:
        return words.minutes.format(count=minutes)
    return words.hours.format(hours=minutes // 60, minutes=minutes % 60)


def stopwatch(duration_ms: int) -> str:
    """A measured time: "0:07", "5:12", "1:02:09"."""
    total = round(duration_ms / SECOND_MS)
    hours, minutes = total // 3600, total // 60 % 60
    if hours:
        return f"{hours}:{minutes:02d}:{total % 60:02d}"
    return f"{minutes}:{total % 60:02d}"


def moment(at_ms: int) -> str:
    """A point in time, the same for readers of every language and time zone: "2026-11-29 14:05 UTC"."""
    # Counted from the epoch: a clock that is far off gives a strange date, not an error of the C library.
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=at_ms // MINUTE_MS)
    return f"{at:%Y-%m-%d %H:%M} UTC"
