"""Planted bugs: the product as it would be if somebody had been careless. Every one must make the suite fail.

`python -m crashkit.mutants` runs them all. Planted in the child processes alone, on top of unchanged product code.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from crashkit import message_mutants

VARIABLE = "FLIPBOOK_MUTANT"
ROOT = Path(__file__).parents[2]
PATIENCE_S = 300

Plant = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    plant: Plant
    tests: str
    """The part of the suite that must notice: a pytest expression."""


def plant(name: str) -> None:
    """In this process, for good."""
    MUTANTS[name].plant()


def _acknowledge_before_commit() -> None:
    import asyncio

    from storage.store import Store, members, queries

    submit = Store.submit

    class Undone(Exception):
        pass

    async def early(self: Any, request: Any, **rules: Any) -> Any:
        def try_it(db: Any) -> None:
            raise Undone(queries.status(db, members.submit(db, self._terms, request)))

        async def later() -> None:
            await asyncio.sleep(0.01)
            await submit(self, request, **rules)

        try:
            await self._database.write(try_it)
        except Undone as exc:
            self._later = asyncio.ensure_future(later())
            return exc.args[0]

    Store.submit = early  # type: ignore[method-assign,assignment]


def _no_fence() -> None:
    from storage.jobs import JobState
    from storage.store import claims, transitions

    def any_holder(db: Any, claim: Any) -> Any:
        entry = transitions.lock(db, claim.request_id)
        assert entry is not None
        if entry.state is not JobState.RUNNING:
            raise claims.StaleClaim("ended")
        return entry

    beat = claims.beat

    def kept(db: Any, terms: Any, claim: Any) -> Any:
        entry = any_holder(db, claim)
        return beat(db, terms, claims.Claim(request_id=entry.id, epoch=entry.epoch))

    claims.lock_held, claims.beat = any_holder, kept


def _no_idempotency() -> None:
    import secrets
    from dataclasses import replace

    from storage.store import members

    submit = members.submit
    members.submit = lambda db, terms, wish, *rules: submit(  # type: ignore[assignment]
        db, terms, replace(wish, idem=f"{wish.idem}:{secrets.token_hex(4)}"), *rules
    )


def _early_refund() -> None:
    """A lost attempt gives the member their film time back, although the film goes on."""
    from storage.store import rescue, transitions

    put_back = rescue.put_back

    def generous(db: Any, terms: Any, entry: Any, outcome: Any) -> None:
        put_back(db, terms, entry, outcome)
        tariff, now_ms = terms.tariff(db), terms.clock.now_ms()
        transitions.give_back(db, entry.account_id, tariff, now_ms, film_ms=entry.duration_ms, est_ms=0, spent_ms=0)

    rescue.put_back = generous


def _double_settle() -> None:
    """What was reserved and not used is given back twice; the ledger itself would refuse a second settlement."""
    from storage.store import transitions

    give_back = transitions.give_back

    def twice(*rest: Any, film_ms: int, **options: Any) -> None:
        give_back(*rest, film_ms=2 * film_ms, **options)

    transitions.give_back = twice


def _reclaim_without_epoch() -> None:
    from dataclasses import replace

    from storage.store import rescue, transitions

    lose = rescue.lose

    def whoever(db: Any, terms: Any, claim: Any) -> bool:
        entry = transitions.lock(db, claim.request_id)
        return entry is not None and lose(db, terms, replace(claim, epoch=entry.epoch))

    rescue.reclaim = whoever


def _rename_before_fsync() -> None:
    _patch_media(flush=False, names=True)


def _no_folder_flush() -> None:
    _patch_media(flush=True, names=False)


def _patch_media(*, flush: bool, names: bool) -> None:
    """Media without the flush of a file's bytes, or without that of its folder's names."""
    from storage import media

    if not names:
        media.sync_folder = lambda folder: None
    if not flush:

        class Os:
            def __getattr__(self, name: str) -> Any:
                return getattr(os, name)

            @staticmethod
            def fsync(descriptor: int) -> None:
                """It is renamed first; the flush would come later."""

        media.os = Os()  # type: ignore[assignment]


def _counter_drift() -> None:
    from storage.jobs import JobState
    from storage.store import transitions

    count = transitions.count_change

    def forgetful(db: Any, account_id: int, change: Any, **rest: Any) -> None:
        if not (change.before is JobState.RUNNING and change.after is JobState.QUEUED):
            count(db, account_id, change, **rest)

    transitions.count_change = forgetful


def _purge_of_the_open() -> None:
    from storage.schema import request
    from storage.store import retention

    retention._due = lambda terms, kept: request.c.trimmed_ms.is_(None)  # type: ignore[assignment]


def _lease_on_the_wall_clock() -> None:
    from storage.store.leases import LeaseTime

    LeaseTime.now = classmethod(lambda cls, db, clock: cls(clock.boot_id(), clock.now_ms()))  # type: ignore[method-assign,assignment]


def _leases_outlive_a_boot() -> None:
    from storage.schema import request
    from storage.store.leases import LeaseTime

    LeaseTime.void = lambda self, lease_s: request.c.lease_until_ms <= self.ms  # type: ignore[method-assign,assignment]


def _claim_without_asking() -> None:
    """The dispatch is believed: what it named a moment ago is claimed, whatever became of it."""
    from sqlalchemy import select, true

    from storage.dispatch import embedded
    from storage.schema import request
    from storage.store import claims

    async def early(self: Any, *, running_max: int) -> int | None:
        turn = select(embedded.next_in_turn(running_max))
        return await self._database.read(lambda db: db.execute(turn).scalar_one_or_none())

    embedded.EmbeddedDispatch.next = early  # type: ignore[method-assign,assignment]
    claims.in_state = lambda *states: true()  # type: ignore[assignment]
    claims.may_begin = lambda running_max: select(request.c.id)  # type: ignore[assignment]


def _row_before_file() -> None:
    """The commit first, the file's name a moment later."""
    import threading

    from storage.media import Media

    move = Media._move_in

    def later(self: Any, *rest: Any, **options: Any) -> None:
        threading.Timer(0.05, partial(move, self, *rest, **options)).start()

    Media._move_in = later  # type: ignore[method-assign]


MUTANTS = {
    "acknowledge before commit": Mutant(_acknowledge_before_commit, "bot_killed and (store or media)"),
    "no epoch fence": Mutant(_no_fence, "zombies"),
    "mark sent before send": Mutant(message_mutants.sent_before_send, "bot_killed and relay"),
    "no nonce": Mutant(message_mutants.no_nonce, "bot_killed and relay"),
    "line not committed": Mutant(message_mutants.line_not_committed, "without_nonces and sent"),
    "adopted a moment later": Mutant(message_mutants.adopted_later, "without_nonces and commit"),
    "no idempotency": Mutant(_no_idempotency, "bot_killed"),
    "early refund": Mutant(_early_refund, "worker_killed"),
    "double settle": Mutant(_double_settle, "worker_killed"),
    "reclaim without epoch": Mutant(_reclaim_without_epoch, "rescuer"),
    "rename before fsync": Mutant(_rename_before_fsync, "power_cut"),
    "folder not flushed": Mutant(_no_folder_flush, "power_cut"),
    "row before its file": Mutant(_row_before_file, "power_cut"),
    "counter drift": Mutant(_counter_drift, "worker_killed"),
    "purge of an open request": Mutant(_purge_of_the_open, "purge"),
    "lease on the wall clock": Mutant(_lease_on_the_wall_clock, "clocks"),
    "leases outlive a boot": Mutant(_leases_outlive_a_boot, "clocks"),
    "claim without asking": Mutant(_claim_without_asking, "racing"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    caught_by: str
    """The test, and what it said; empty where none noticed."""
    seconds: float


def run(name: str) -> Verdict:
    """The part of the suite that must notice, until it does."""
    environment = {**os.environ, VARIABLE: name, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)])}
    command = (sys.executable, "-m", "pytest", "tests/crash", "-x", "-q", "--tb=short", "-k", MUTANTS[name].tests)
    since_s = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    seconds = time.monotonic() - since_s
    if done.returncode != 1:
        return Verdict("", seconds)
    if (
        slip := re.search(r"^E? *(AttributeError|TypeError|NameError|ImportError).*", done.stdout, re.MULTILINE)
    ) is not None:
        # A bug that only breaks the program proves nothing about the suite.
        raise RuntimeError(f'"{name}" is planted badly: {slip[0]}')
    test = re.search(r"^FAILED \S*?::(\S+)", done.stdout, re.MULTILINE)
    said = re.search(r"^E +(?:\S+(?:Error|Stuck): )?(.+)", done.stdout, re.MULTILINE)
    return Verdict(f"{test[1] if test else '?'}: {said[1][:90] if said else '?'}", seconds)


def main(names: list[str]) -> int:
    survivors = 0
    print(f"| {'planted bug':26} | seconds | caught by |\n|---|---|---|")  # noqa: T201
    for name in names or MUTANTS:
        verdict = run(name)
        survivors += not verdict.caught_by
        print(f"| {name:26} | {verdict.seconds:7.1f} | {verdict.caught_by or 'NOBODY'} |", flush=True)  # noqa: T201
    print(f"\n{len(names or MUTANTS)} planted, {survivors} not caught")  # noqa: T201
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
