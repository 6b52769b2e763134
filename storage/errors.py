"""Every error Flipbook raises on purpose, in families named by who must act. Standard library only."""

from __future__ import annotations


class FlipbookError(Exception):
    """Base of all. `str(error)` is one sentence that says what is wrong and what helps."""


class RequestRejected(FlipbookError):
    """The member must change the request. Nothing was stored, nothing charged."""

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence)
        self.field = field
        """The part to change: "picture", "prompt", "seconds", "end_picture", "seed", …"""


class QuotaExceeded(RequestRejected):
    """The member has less video time left than the film needs."""

    def __init__(self, sentence: str, *, left_ms: int, needed_ms: int, back_at_ms: int | None) -> None:
        super().__init__(sentence, field="seconds")
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
