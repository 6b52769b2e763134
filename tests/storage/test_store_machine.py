"""The store against a model of it: any order of calls, by workers that hold a claim and by those that lost it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, drawn, film, message, report, wish
from storagekit.homes import Home, homes

from storage.errors import FlipbookError, QueueFull, QuotaExceeded, Rule, StaleClaim, UnknownRequest
from storage.invariants import violations
from storage.jobs import Claim, Failure, JobState, Member, Request, Wish
from storage.schema import outbox
from storage.settings import QueueSettings, QuotaSettings, RetentionSettings
from storage.store import MessageKind, Store

T = TypeVar("T")

PROMISED_MS = 2_000
"""A section takes 700 ms here."""
QUEUE = QueueSettings(
    queued_max=6,
    queued_per_member_max=4,
    running_per_member_max=1,
    wait_hours_promised_max=PROMISED_MS / 3_600_000,
    wait_hours_max=10,
    lease_s=60,
    tries_max=2,
)
QUOTA = QuotaSettings(burst_s=20, refill_s_per_day=60)
OWED = select(outbox.c.request_id).where(outbox.c.sent_ms.is_(None))
MEMBERS = {"mia": MIA, "leo": LEO}


@dataclass
class Film:
    """What the model knows of a request."""

    owner: Member
    sections: int
    queued_ms: int
    state: JobState = JobState.QUEUED
    epoch: int = 0
    tries: int = 0
    drawn: int = 0
    worker: str = ""
    lease_until_ms: int = 0
    boot: str = ""
    cancelled_by: str = ""
    charged_ms: int = field(init=False)
    ended_ms: int = 0
    purged: bool = False

    def __post_init__(self) -> None:
        self.charged_ms = self.sections * 1200


class Machine(RuleBasedStateMachine):
    make: Callable[[], AbstractContextManager[tuple[Home, ManualClock]]]
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.ends = ExitStack()
        home, self.clock = self.ends.enter_context(type(self).make())
        self.boots_count = home.address is None
        self.home = home
        self.database = self.run(home.open())
        self.store = Store(self.database, clock=self.clock, queue=QUEUE, quota=QUOTA)
        self.films: dict[int, Film] = {}
        self.idems = 0
        self.paused_ms: int | None = None
        self.paused_until_ms: int | None = None
        self.stood_ms = 0

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.runner.close()
        self.ends.close()

    @initialize(waiting=st.lists(st.sampled_from(sorted(MEMBERS)), min_size=2, max_size=5))
    def somebody_was_here_before(self, waiting: list[str]) -> None:
        """A film was drawn, so that waits are known, and a few wait."""
        self.submit("leo", 1)
        claim = self.claim("card-0")
        self.section(claim)
        self.complete(claim)
        for who in waiting:
            self.submit(who, 1)

    # Members

    @rule(who=st.sampled_from(sorted(MEMBERS)), sections=st.integers(1, 3))
    def submit(self, who: str, sections: int) -> None:
        self.idems += 1
        member = MEMBERS[who]
        waiting = [film.owner for film in self.films.values() if film.state is JobState.QUEUED]
        full = len(waiting) >= 6 or waiting.count(member) >= 4
        before = self.run(self.store.allowance(member, "guild"))
        new = wish(str(self.idems), member=member, duration_ms=sections * 1200)
        late = self._too_late(new)
        call = self.store.submit(new)
        if full or late:
            with pytest.raises(QueueFull) as refused:
                self.run(call)
            assert full or refused.value.rule is Rule.WAIT_TOO_LONG
        elif before.left_ms < sections * 1200:
            with pytest.raises(QuotaExceeded):
                self.run(call)
        else:
            status = self.run(call)
            assert status.paused == (self.paused_ms is not None)
            assert (status.wait_ms or 0) <= PROMISED_MS
            self.films[status.request_id] = Film(member, sections, self._waiting_clock_ms())
            after = self.run(self.store.allowance(member, "guild"))
            assert after.left_ms == before.left_ms - sections * 1200
            return
        self.idems -= 1
        assert self.run(self.store.allowance(member, "guild")) == before

    @rule(data=st.data())
    def redeliver(self, data: st.DataObject) -> None:
        if self.idems:
            number = data.draw(st.integers(1, self.idems))
            before = self.run(self.store.allowance(MIA, "guild"))
            status = self.run(self.store.submit(wish(str(number))))
            assert status.member == self.films[status.request_id].owner
            assert self.run(self.store.allowance(MIA, "guild")) == before

    @rule(data=st.data(), who=st.sampled_from(sorted(MEMBERS)), everyone=st.booleans())
    def cancel(self, data: st.DataObject, who: str, everyone: bool) -> None:
        if not self.films:
            return
        number = data.draw(st.sampled_from(sorted(self.films)))
        known, member = self.films[number], MEMBERS[who]
        call = self.store.cancel(number, by=member, everyone=everyone)
        if known.owner != member and not everyone:
            with pytest.raises(UnknownRequest):
                self.run(call)
            return
        self.run(call)
        by = "member" if known.owner == member else "operator"
        if known.state is JobState.QUEUED:
            self._cancelled(known, by)
        elif known.state is JobState.RUNNING and not known.cancelled_by:
            known.cancelled_by = by

    # Engines

    @rule(target=claims, worker=st.sampled_from(("card-0", "card-1")))
    def claim(self, worker: str) -> Claim:
        line = [status.request_id for status in self.run(self.store.queue()) if status.state is JobState.QUEUED]
        at_work = [film.owner for film in self._running()]
        turns = [number for number in line if self.films[number].owner not in at_work]
        job = self.run(self.store.claim(worker))
        assert (job.claim.request_id if job else None) == (turns[0] if turns and not self._paused() else None)
        if job is None:
            return Claim(request_id=0, epoch=0)
        known = self.films[job.claim.request_id]
        known.state, known.epoch, known.worker = JobState.RUNNING, known.epoch + 1, worker
        assert job.claim.epoch == known.epoch
        assert len(job.sections) == known.drawn
        self._lease(known)
        return job.claim

    @rule(claim=claims)
    def beat(self, claim: Claim) -> None:
        known = self._held(claim)
        if known is None:
            with pytest.raises(StaleClaim):
                self.run(self.store.beat(claim))
            return
        owners = Wish.YIELD if self._paused() else Wish.CONTINUE
        assert self.run(self.store.beat(claim)) is (Wish.CANCEL if known.cancelled_by else owners)
        self._lease(known)

    @rule(claim=claims)
    def section(self, claim: Claim) -> None:
        known = self._held(claim)
        if known is None:
            with pytest.raises(StaleClaim):
                self.run(self.store.save_section(claim, drawn(claim, 0)))
        elif known.drawn < known.sections:
            self.run(self.store.save_section(claim, drawn(claim, known.drawn)))
            known.drawn += 1

    @rule(claim=claims)
    def publish(self, claim: Claim) -> None:
        if self._held(claim) is None:
            with pytest.raises(StaleClaim):
                self.run(self.store.publish_progress(report(claim)))
        else:
            self.run(self.store.publish_progress(report(claim)))

    @rule(claim=claims)
    def complete(self, claim: Claim) -> None:
        known = self._held(claim)
        call = self.store.complete(claim, film(claim.request_id))
        if known is None:
            with pytest.raises(StaleClaim):
                self.run(call)
        elif known.drawn < known.sections:
            with pytest.raises(ValueError, match="cannot be done"):
                self.run(call)
        else:
            self.run(call)
            known.state = JobState.DONE

    @rule(claim=claims)
    def fail(self, claim: Claim) -> None:
        known = self._held(claim)
        call = self.store.fail(claim, Failure(code="bad_numbers", sentence="It went wrong."))
        if known is None:
            with pytest.raises(StaleClaim):
                self.run(call)
        else:
            self.run(call)
            known.state, known.charged_ms = JobState.FAILED, 0

    @rule(claim=consumes(claims), obey=st.booleans())
    def stop(self, claim: Claim, obey: bool) -> None:
        """The worker gives the job back, or obeys a wish to cancel it."""
        known = self._held(claim)
        call = (self.store.cancelled if obey else self.store.release)(claim)
        if known is None:
            with pytest.raises(StaleClaim):
                self.run(call)
        elif known.cancelled_by:
            self.run(call)
            self._cancelled(known, known.cancelled_by)
        elif obey:
            with pytest.raises(ValueError, match="nobody asked"):
                self.run(call)
        else:
            self.run(call)
            known.state, known.queued_ms = JobState.QUEUED, self._waiting_clock_ms()

    # The owner

    @rule(hours=st.sampled_from((None, 1, 30)))
    def pause(self, hours: int | None) -> None:
        if not self._paused():
            self._end_pause()
            self.paused_ms = self.clock.now_ms()
        self.paused_until_ms = None if hours is None else self.clock.now_ms() + hours * 3_600_000
        pause = self.run(self.store.pause(for_ms=None if hours is None else hours * 3_600_000))
        assert (pause.since_ms, pause.until_ms) == (self.paused_ms, self.paused_until_ms)

    @rule()
    def resume(self) -> None:
        assert self.run(self.store.resume()) == self._paused()
        self._end_pause()

    @rule()
    def end_pause(self) -> None:
        over = self.paused_ms is not None and not self._paused()
        assert self.run(self.store.end_pause()) == over
        if over:
            self._end_pause()

    # Time and upkeep

    @rule(seconds=st.sampled_from((1, 30, 61, 3600, 20 * 3600)))
    def time_passes(self, seconds: int) -> None:
        self.clock.pass_s(seconds)

    @rule(change_s=st.sampled_from((-86_400, -3600, 3600, 86_400)))
    def wall_clock_jumps(self, change_s: int) -> None:
        self.clock.set_wall(change_s)

    @rule()
    def machine_boots(self) -> None:
        self.clock.reboot()

    @rule()
    def reclaim(self) -> None:
        lost = [
            film
            for film in self._running()
            if (self.boots_count and film.boot != self.clock.boot) or film.lease_until_ms <= self.clock.up_ms
        ]
        assert self.run(self.store.reclaim()) == len(lost)
        for known in lost:
            self._lost(known)

    @rule(worker=st.sampled_from(("card-0", "card-1")))
    def engine_dies(self, worker: str) -> None:
        lost = [film for film in self._running() if film.worker == worker]
        assert self.run(self.store.engine_died(worker)) == len(lost)
        for known in lost:
            self._lost(known)

    @rule()
    def expire(self) -> None:
        too_old_ms = self._waiting_clock_ms() - 10 * 3_600_000
        old = [film for film in self.films.values() if film.state is JobState.QUEUED and film.queued_ms < too_old_ms]
        assert self.run(self.store.expire()) == len(old)
        for known in old:
            known.state, known.charged_ms = JobState.EXPIRED, 0

    @rule()
    def bot_starts_anew(self) -> None:
        """After a crash: nothing but the file is left."""
        self.run(self.database.close())
        self.database = self.run(self.home.open())
        self.store = Store(self.database, clock=self.clock, queue=QUEUE, quota=QUOTA)

    @rule()
    def purge(self) -> None:
        """What has ended and is shown goes; what is open or owed stays."""
        owed = set(self.run(self.database.read(lambda db: db.execute(OWED).scalars().all())))
        ended = {number for number, film in self.films.items() if film.state.terminal and not film.purged}
        due = ended - owed
        # Two hours, for a wall clock that is set back puts ends into the future.
        old = {number for number in due if self.films[number].ended_ms <= self.clock.now_ms() - 7_200_000}
        assert self.run(self.store.purge(RetentionSettings(upload_hours=2, result_days=2 / 24))) == len(old)
        for number in old:
            self.films[number].purged, self.films[number].drawn = True, 0

    @rule(lost=st.booleans())
    def relay(self, lost: bool) -> None:
        """Show everything that is due, or put it off."""
        for item in self.run(self.store.outbox_due()):
            if lost:
                self.run(self.store.outbox_retry(item.request_id, item.rev, after_ms=1000))
                continue
            if item.status_ref is None:
                ref = message(item.request_id)
                self.run(self.store.message_posted(item.request_id, MessageKind.STATUS, ref, item.rev))
            self.run(self.store.outbox_sent(item.request_id, item.rev))

    @invariant()
    def ends_are_dated(self) -> None:
        """The clock has not moved since the rule that ended a film: rules that move it end none."""
        for known in self.films.values():
            if known.state.terminal and not known.ended_ms:
                known.ended_ms = self.clock.now_ms()

    @invariant()
    def no_promise_is_broken(self) -> None:
        assert self.run(violations(self.database, None)) == []

    @invariant()
    def store_and_model_agree(self) -> None:
        shown = {
            status.request_id: status
            for member in MEMBERS.values()
            for status in self.run(self.store.history(member, limit=99))
        }
        assert {
            number: (status.state, status.sections_done, status.charged_ms) for number, status in shown.items()
        } == {number: (film.state, film.drawn, film.charged_ms) for number, film in self.films.items()}

    def _too_late(self, new: Request) -> bool:
        """What the store foresees, which `submit` must then say too."""
        foresee = self.store.foresee(new.idem, new.member, new.place, new.params.duration_ms)
        refusal: FlipbookError | None = None
        try:
            self.run(foresee)
        except (QueueFull, QuotaExceeded) as error:
            refusal = error
        if refusal is None or refusal.rule != Rule.WAIT_TOO_LONG:
            return False
        assert refusal.figures["most_ms"] == PROMISED_MS < int(refusal.figures["wait_ms"])
        return True

    def _running(self) -> list[Film]:
        return [film for film in self.films.values() if film.state is JobState.RUNNING]

    def _held(self, claim: Claim) -> Film | None:
        known = self.films.get(claim.request_id)
        held = known is not None and known.state is JobState.RUNNING and known.epoch == claim.epoch
        return known if held else None

    def _lease(self, known: Film) -> None:
        known.lease_until_ms, known.boot = self.clock.up_ms + 60_000, self.clock.boot

    def _lost(self, known: Film) -> None:
        known.tries += 1
        if known.cancelled_by:
            self._cancelled(known, known.cancelled_by)
        elif known.tries >= 2:
            known.state, known.charged_ms = JobState.FAILED, 0
        else:
            known.state, known.queued_ms = JobState.QUEUED, self._waiting_clock_ms()

    def _paused(self) -> bool:
        until_ms = self.paused_until_ms
        return self.paused_ms is not None and (until_ms is None or self.clock.now_ms() < until_ms)

    def _end_pause(self) -> None:
        self.stood_ms = self.clock.now_ms() - self._waiting_clock_ms()
        self.paused_ms = self.paused_until_ms = None

    def _waiting_clock_ms(self) -> int:
        """It stands still in a pause."""
        now_ms = self.clock.now_ms()
        if self.paused_ms is None:
            return now_ms - self.stood_ms
        end_ms = now_ms if self.paused_until_ms is None else min(now_ms, self.paused_until_ms)
        return now_ms - self.stood_ms - max(0, end_ms - self.paused_ms)

    def _cancelled(self, known: Film, by: str) -> None:
        known.state = JobState.CANCELLED
        known.charged_ms = known.drawn * 1200 if by == "member" else 0


def test_store_agrees_with_its_model(kind: str, request: pytest.FixtureRequest) -> None:
    Machine.make = homes(kind, request)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
