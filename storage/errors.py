"""Every error Flipbook raises on purpose, in families named by who must act. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

Figure = str | int | float
NO_FIGURES: Mapping[str, Figure] = MappingProxyType({})


class Rule(StrEnum):
    """What was refused, for those who say it in another language. Figures ending in `_ms` are lengths of time."""

    QUEUE_FULL = "queue_full"
    """{count}"""
    WAITING_ALREADY = "waiting_already"
    """{count}"""
    WAIT_TOO_LONG = "wait_too_long"
    """{wait_ms}, {most_ms}"""
    DISK_FULL = "disk_full"
    DATABASE_AWAY = "database_away"
    DATABASE_BUSY = "database_busy"
    UNKNOWN_FILM = "unknown_film"
    """{request_id}"""
    REROLL_OPEN = "reroll_open"
    """{request_id}"""
    REROLL_TOO_SOON = "reroll_too_soon"
    """{wait_ms}"""
    REROLLED_OUT = "rerolled_out"
    """{request_id}, {most}"""
    STILL_OPEN = "still_open"
    """{request_id}"""
    NO_FILM = "no_film"
    """{request_id}"""
    PICTURE_EMPTY = "picture_empty"
    PICTURE_HEAVY = "picture_heavy"
    """{megabytes}, {most}"""
    PICTURE_HEIC = "picture_heic"
    NO_PICTURE = "no_picture"
    """{accepted}"""
    PICTURE_SMALL = "picture_small"
    """{width}, {height}, {least}"""
    PICTURE_LARGE = "picture_large"
    """{width}, {height}, {most}: most megapixels."""
    PICTURE_LAYERS = "picture_layers"
    PICTURE_COSTLY = "picture_costly"
    PICTURES_UNREAD = "pictures_unread"
    PICTURE_VARIANT = "picture_variant"
    """{format}: intact, but of a kind that is rare."""
    PICTURE_DAMAGED = "picture_damaged"
    """{format}"""
    PICTURE_INVISIBLE = "picture_invisible"


class FlipbookError(Exception):
    """Base of all. `str(error)` is one sentence in English that says what is wrong and what helps.

    rule: a stable name for it, with the figures of the sentence: what a translation is made from.
    """

    def __init__(self, sentence: str = "", *, rule: str = "", figures: Mapping[str, Figure] = NO_FIGURES) -> None:
        super().__init__(sentence)
        self.rule = rule
        self.figures = figures


class RequestRejected(FlipbookError):
    """The member must change the request. Nothing was stored, nothing charged."""

    def __init__(
        self, sentence: str, *, field: str, rule: str = "", figures: Mapping[str, Figure] = NO_FIGURES
    ) -> None:
        super().__init__(sentence, rule=rule, figures=figures)
        self.field = field
        """The part to change: "picture", "prompt", "seconds", "end_picture", "seed", …"""


class QuotaExceeded(RequestRejected):
    """The member has less video time left than the film needs."""

    def __init__(
        self, sentence: str, *, left_ms: int, needed_ms: int, back_at_ms: int | None, everywhere: bool = False
    ) -> None:
        super().__init__(sentence, field="seconds")
        self.everywhere = everywhere
        """What is left is so little because of what they asked for in other communities."""
        self.left_ms = left_ms
        self.needed_ms = needed_ms
        self.back_at_ms = back_at_ms
        """When refill will cover it; None if it never will."""


class QueueFull(FlipbookError):
    """The member must wait: the queue, or their share of it, is full, or the disk is."""


class UnknownRequest(FlipbookError):
    """No request of that number, or none this member may touch."""


class StaleClaim(FlipbookError):
    """A newer attempt holds the request: this worker stops quietly and writes nothing more."""


class FilmFailed(FlipbookError):
    """This film cannot be finished; other requests can go on."""

    def __init__(self, sentence: str, *, code: str) -> None:
        super().__init__(sentence)
        self.code = code


class OutOfMemory(FilmFailed):
    """The planner must choose smaller tiles, another bucket or fewer resident weights."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, code="out_of_memory")


class DatabaseTrouble(FlipbookError):
    """The database cannot be used at the moment. Nothing is wrong with what was asked: wait, then ask again.

    Raised by the database in place of its driver's errors. Only the backend reads those.
    """


class DatabaseBusy(DatabaseTrouble):
    """Another program holds what is needed, for longer than the time-out, or the server has no room for more."""

    def __init__(self, sentence: str = "The host's database is busy; please try again shortly.") -> None:
        super().__init__(sentence, rule=Rule.DATABASE_BUSY)


class DatabaseAway(DatabaseTrouble):
    """The database server cannot be reached, is starting or is shutting down."""

    def __init__(self, sentence: str = "The host's database is away for a moment; please try again shortly.") -> None:
        super().__init__(sentence, rule=Rule.DATABASE_AWAY)


class DiskFull(DatabaseTrouble):
    """The disk that the database lies on is full, here or on its server."""

    def __init__(self, sentence: str = "The host's disk is full; please try again later.") -> None:
        super().__init__(sentence, rule=Rule.DISK_FULL)


class OwnerError(FlipbookError):
    """The owner must act before anything works."""


class SettingsError(OwnerError):
    """The configuration file or the environment is wrong; the sentence names the key."""


class WeightsMissing(OwnerError):
    """Model files are absent or damaged; the sentence names them and how to get them."""


class DatabaseRefused(OwnerError):
    """The database cannot be opened safely: newer schema, corrupt, network disk, held by another bot."""


class EngineLost(OwnerError):
    """The engine process keeps dying or does not start."""
