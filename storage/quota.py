"""Film time as token buckets: what a member may ask for now, as plain arithmetic in integer milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from storage.errors import QuotaExceeded
from storage.jobs import SECTION_MS
from storage.settings import QuotaSettings

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A member's standing in a community."""

    left_ms: int
    """Of film that may be asked for now."""
    everywhere: bool
    """What is left is so little because of what they asked for in other communities."""
    burst_ms: int
    """The most that is ever saved up."""
    refill_ms_per_day: int
    card_ms: int | None
    """GPU time that the host's card takes for `burst_ms` of film; None where nobody has measured it."""
    queued: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How a bucket fills."""

    burst_ms: int
    refill_ms_per_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """How a member's two buckets fill."""

    community: Rate
    person: Rate
    """In all communities together."""

    @classmethod
    def of(cls, settings: QuotaSettings, *, default_ms: int) -> Tariff:
        """default_ms: the burst where the settings name none."""
        burst_ms = default_ms if settings.burst_s is None else round(settings.burst_s * 1000)
        refill_ms = burst_ms // 2 if settings.refill_s_per_day is None else round(settings.refill_s_per_day * 1000)
        person_ms = burst_ms if settings.person_burst_s is None else round(settings.person_burst_s * 1000)
        return cls(
            community=Rate(burst_ms=burst_ms, refill_ms_per_day=refill_ms),
            # Both are full again after the same number of days.
            person=Rate(burst_ms=person_ms, refill_ms_per_day=refill_ms * person_ms // burst_ms),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Film time left at a moment. Immutable: every step gives the next bucket."""

    level_ms: int
    at_ms: int

    def refilled(self, rate: Rate, now_ms: int) -> Bucket:
        """The bucket at `now_ms`. A clock that went back refills nothing, and nothing twice for long.

        A burst that has become smaller takes what is above it.
        """
        elapsed_ms = now_ms - self.at_ms
        if elapsed_ms <= 0 or rate.refill_ms_per_day == 0:
            return Bucket(level_ms=min(self.level_ms, rate.burst_ms), at_ms=now_ms)
        gained_ms, rest = divmod(elapsed_ms * rate.refill_ms_per_day, DAY_MS)
        if self.level_ms + gained_ms >= rate.burst_ms:
            return Bucket(level_ms=rate.burst_ms, at_ms=now_ms)
        # Time that has not yet earned a whole millisecond stays on the account: looking often costs nothing.
        return Bucket(level_ms=self.level_ms + gained_ms, at_ms=now_ms - rest // rate.refill_ms_per_day)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The two buckets that pay for a film together: each must hold all of it."""

    community: Bucket
    person: Bucket

    @property
    def left_ms(self) -> int:
        return min(self.community.level_ms, self.person.level_ms)

    @property
    def everywhere(self) -> bool:
        """Whether it is the bucket for all communities together that holds less."""
        return self.person.level_ms < self.community.level_ms

    def refilled(self, tariff: Tariff, now_ms: int) -> Purse:
        return Purse(
            community=self.community.refilled(tariff.community, now_ms),
            person=self.person.refilled(tariff.person, now_ms),
        )

    def take(self, need_ms: int, tariff: Tariff) -> Purse:
        """What is left after a film of `need_ms`. The purse must be refilled to the present moment.

        Raises QuotaExceeded with a sentence that says what would work.
        """
        left_ms = self.left_ms
        if need_ms > left_ms:
            raise self._refusal(need_ms, tariff)
        return Purse(
            community=replace(self.community, level_ms=self.community.level_ms - need_ms),
            person=replace(self.person, level_ms=self.person.level_ms - need_ms),
        )

    def put_back(self, ms: int, tariff: Tariff) -> Purse:
        return Purse(
            community=self.community.put_back(ms, tariff.community), person=self.person.put_back(ms, tariff.person)
        )

    def _refusal(self, need_ms: int, tariff: Tariff) -> QuotaExceeded:
        back_at_ms: int | None = 0
        for bucket, rate in ((self.community, tariff.community), (self.person, tariff.person)):
            wait_ms = bucket.wait_ms(need_ms, rate)
            back_at_ms = None if wait_ms is None or back_at_ms is None else max(back_at_ms, bucket.at_ms + wait_ms)
        rates = tariff.community, tariff.person
        burst_ms = min(rate.burst_ms for rate in rates)
        ways = [f"try {seconds(possible)}"] if (possible := possible_ms(self.left_ms)) else []
        if back_at_ms is not None:
            ways.append(f"come back in {about(back_at_ms - max(self.community.at_ms, self.person.at_ms))}")
        elif need_ms > burst_ms and all(rate.refill_ms_per_day for rate in rates):
            ways.append(f"save up to at most {seconds(burst_ms)}")
        where = " in all communities together" if self.everywhere else ""
        sentence = f"You have {seconds(self.left_ms)} of film left{where} and this one needs {seconds(need_ms)}."
        if ways:
            way = ", or ".join(ways)
            sentence = f"{sentence} {way[0].upper()}{way[1:]}."
        return QuotaExceeded(
            sentence, left_ms=self.left_ms, needed_ms=need_ms, back_at_ms=back_at_ms, everywhere=self.everywhere
        )


def possible_ms(left_ms: int) -> int:
    """The longest film that so much film time pays for; 0 where that is none."""
    return left_ms // SECTION_MS * SECTION_MS


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
