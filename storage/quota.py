"""Film time as a token bucket: what a member may ask for now, as plain arithmetic in integer milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from storage.errors import QuotaExceeded
from storage.settings import QuotaSettings

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A member's standing in a community."""

    left_ms: int
    """Of film that may be asked for now."""
    burst_ms: int
    """The most that is ever saved up."""
    refill_ms_per_day: int
    queued: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How a bucket fills."""

    burst_ms: int
    refill_ms_per_day: int

    @classmethod
    def of(cls, settings: QuotaSettings) -> Rate:
        return cls(
            burst_ms=round(settings.burst_s * 1000),
            refill_ms_per_day=round(settings.refill_s_per_day * 1000),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Film time left at a moment. Immutable: every step gives the next bucket."""

    level_ms: int
    at_ms: int

    def refilled(self, rate: Rate, now_ms: int) -> Bucket:
        """The bucket at `now_ms`. A clock that went back refills nothing, and nothing twice for long."""
        elapsed_ms = now_ms - self.at_ms
        if elapsed_ms <= 0 or rate.refill_ms_per_day == 0:
            return Bucket(level_ms=min(self.level_ms, rate.burst_ms), at_ms=now_ms)
        gained_ms, rest = divmod(elapsed_ms * rate.refill_ms_per_day, DAY_MS)
        if self.level_ms + gained_ms >= rate.burst_ms:
            return Bucket(level_ms=rate.burst_ms, at_ms=now_ms)
        # Time that has not yet earned a whole millisecond stays on the account: looking often costs nothing.
        return Bucket(level_ms=self.level_ms + gained_ms, at_ms=now_ms - rest // rate.refill_ms_per_day)

    def take(self, need_ms: int, rate: Rate) -> Bucket:
        """What is left after a film of `need_ms`. The bucket must be refilled to the present moment.

        Raises QuotaExceeded with a sentence that says what would work.
        """
        if need_ms <= self.level_ms:
            return replace(self, level_ms=self.level_ms - need_ms)
        wait_ms = self.wait_ms(need_ms, rate)
        raise QuotaExceeded(
            _refusal(self.level_ms, need_ms, rate, wait_ms),
            left_ms=self.level_ms,
            needed_ms=need_ms,
            back_at_ms=None if wait_ms is None else self.at_ms + wait_ms,
        )

    def put_back(self, ms: int, rate: Rate) -> Bucket:
        """After a refund; never above the burst."""
        return replace(self, level_ms=min(self.level_ms + ms, rate.burst_ms))

    def wait_ms(self, need_ms: int, rate: Rate) -> int | None:
        """Until refill covers `need_ms`; None if it never will."""
        missing_ms = need_ms - self.level_ms
        if missing_ms <= 0:
            return 0
        if need_ms > rate.burst_ms or rate.refill_ms_per_day == 0:
            return None
        return -(-missing_ms * DAY_MS // rate.refill_ms_per_day)


def _refusal(left_ms: int, need_ms: int, rate: Rate, wait_ms: int | None) -> str:
    ways = [f"try {whole} s"] if (whole := left_ms // 1000) else []
    if wait_ms is not None:
        ways.append(f"come back in {about(wait_ms)}")
    elif need_ms > rate.burst_ms and rate.refill_ms_per_day:
        ways.append(f"save up to at most {seconds(rate.burst_ms)}")
    sentence = f"You have {seconds(left_ms)} of film left and this one needs {seconds(need_ms)}."
    if not ways:
        return sentence
    way = ", or ".join(ways)
    return f"{sentence} {way[0].upper()}{way[1:]}."


def seconds(ms: int) -> str:
    """For people: "4 s", "4.5 s"; rounded down, so that nobody is promised what is not there."""
    whole, tenth = divmod(max(ms, 0) // 100, 10)
    return f"{whole}.{tenth} s" if tenth else f"{whole} s"


def about(ms: int) -> str:
    """A wait for people: "about 2 h"; rounded up, so that nobody comes back too early."""
    minutes = max(1, -(-ms // 60_000))
    if minutes < 90:
        return f"about {minutes} min"
    hours = -(-minutes // 60)
    return f"about {hours} h" if hours < 48 else f"about {-(-hours // 24)} days"
