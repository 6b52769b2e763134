"""Words that rows are marked with, beside the states of `storage.jobs`."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RELEASED = "released"
    """Given back by a worker that stopped cleanly: no try is spent."""
    LOST = "lost"
    """Its worker died or fell silent: a try is spent."""


class LedgerKind(StrEnum):
    """Entries of a request add up to what it costs: the reservation, then the rest of one of the other two."""

    RESERVE = "reserve"
    SETTLE = "settle"
    """Actual − reserved: zero for a finished film, negative where less was drawn."""
    REFUND = "refund"
    """− reserved."""
    AMEND = "amend"
    """− charged, where a finished film was lost before anybody saw it. Follows a settlement."""


class BlobRole(StrEnum):
    """What a file is to its request."""

    PICTURE = "picture"
    END_PICTURE = "end_picture"
    FILM = "film"
    GIF = "gif"
    POSTER = "poster"


class MessageKind(StrEnum):
    """The bot's messages about a request."""

    STATUS = "status"
    FILM = "film"
    LINE = "line"
    """Becomes the film's message, on platforms where that takes two calls."""
    COPY = "copy"
    """The film once more, where its requester asked for it. The only kind of which a request may have several."""


class Canceller(StrEnum):
    MEMBER = "member"
    """Pays for what is drawn."""
    MODERATOR = "moderator"
    """Its member pays for what is drawn: two friends in a group of their own could have the card for nothing else."""
    OPERATOR = "operator"
    """Nobody pays: the person whose picture it shows was erased."""
