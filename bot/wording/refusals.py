"""Refusals said in the member's language."""

from __future__ import annotations

from bot.wording import durations, table
from bot.wording.table import Table
from storage.errors import Figure, FlipbookError, QuotaExceeded, RequestRejected, UnknownRequest
from storage.jobs import Status
from storage.quota import possible_ms


def refusal(error: FlipbookError, *, locale: str, now_ms: int) -> str:
    """What to tell the member. An error of no rule brings its own sentence, already in their language."""
    words = table(locale)
    if isinstance(error, QuotaExceeded):
        return _quota(words, error, now_ms)
    sentence = words.refusals.get(error.rule)
    if sentence is None:
        return str(error)
    said = sentence.format(**{name: _figure(words, name, value) for name, value in error.figures.items()})
    if isinstance(error, RequestRejected) and error.field == "end_picture":
        return words.refused_end_picture.format(reason=said)
    return said


def unknown_film(words: Table, request_id: int) -> UnknownRequest:
    return UnknownRequest(words.unknown_request.format(request_id=request_id))


def film_gone(words: Table, request_id: int) -> RequestRejected:
    """Its files are no longer kept."""
    return RequestRejected(words.media_gone.format(request_id=request_id), field="request")


def wrong_state(sentence: str, words: Table, status: Status) -> RequestRejected:
    """sentence: {request_id}, {state}: why nothing can be done with a film that stands there."""
    text = sentence.format(request_id=status.request_id, state=words.states[status.state])
    return RequestRejected(text, field="request")


def _figure(words: Table, name: str, value: Figure) -> str:
    if name.endswith("_ms") and not isinstance(value, str):
        return durations.about(words, round(value))
    return durations.number(words, value) if isinstance(value, float) else str(value)


def _quota(words: Table, error: QuotaExceeded, now_ms: int) -> str:
    back = ""
    if error.back_at_ms is not None:
        back = words.quota_back.format(wait=durations.about(words, max(0, error.back_at_ms - now_ms)))
    left = durations.seconds(words, error.left_ms)
    needed = durations.seconds(words, error.needed_ms)
    where = words.quota_everywhere if error.everywhere else ""
    possible = possible_ms(error.left_ms)
    if not possible:
        return words.quota.format(left=left, where=where, needed=needed, back=back)
    shorter = durations.seconds(words, possible)
    return words.quota_try.format(left=left, where=where, needed=needed, possible=shorter, back=back)
