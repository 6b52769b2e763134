"""One data folder with its processes, seen from outside: the platform, the supervisor and the judge in one."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from collections.abc import Coroutine, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from crashkit import roles, tally
from crashkit.chat import PLATFORM
from crashkit.checks import problems
from crashkit.clock import SharedClock
from crashkit.journal import Journal
from crashkit.processes import PATIENCE_S, Child, Stuck, kill_all
from crashkit.terms import Terms
from storage.database import FILE_NAME, Database
from storage.jobs import JobState, Request, Status
from storage.media import Media
from storage.sqlite import choose_sqlite

T = TypeVar("T")

RESENT = 3
"""Updates that a restarted bot gets although it has acknowledged them: an acknowledgement may be lost on its way."""
OPEN_MAX = 4
"""Films under way while something is waited for."""


class Site:
    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.clock = SharedClock(terms.folder)
        self.media = Media(terms.folder)
        self.sent: dict[str, tuple[str, str]] = {}
        """Updates by idempotency key: who asks, and for how many seconds."""
        self.cancels: dict[int, str] = {}
        self.same: set[str] = set()
        """Updates that ask for another one's film, and so bear its words."""
        self.lost = 0
        """Kills and lost leases so far: what may cost a section."""
        self.bot_kills = 0
        """Of bots: what may leave a line in a chat that nobody knows of."""
        self.bot: Child | None = None
        self.worker: Child | None = None
        self._runner = asyncio.Runner()
        self._names = (f"worker-{number}" for number in itertools.count())
        self._name = ""
        self._acknowledged = Journal(terms.folder / "acknowledged.jsonl")
        self.database = self.run(Database.open(terms.folder))
        self.store = terms.store(self.database, terms.clock())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        kill_all()
        self.run(self.database.close())
        self._runner.close()

    # The platform

    def ask(self, *, seconds: str = "2.4", wait: bool = True) -> str:
        """A member sends a picture."""
        idem = f"update-{len(self.sent)}"
        self.sent[idem] = (f"user-{len(self.sent) % 3}", seconds)
        self._send(idem)
        if wait:
            self.answered()
        return idem

    def accepted(self, *, seconds: str = "2.4") -> int:
        """A member sends a picture, and the bot takes it: the request's number."""
        idem = self.ask(seconds=seconds)
        return self.acknowledged()[idem]

    def again(self, request_id: int) -> int:
        """Its member asks for exactly the same film once more."""
        status = self.run(self.store.status(request_id))
        idem = f"update-{len(self.sent)}"
        self.sent[idem] = (status.member.user_id, "")
        wish = Request(idem=idem, member=status.member, place=status.place, params=status.params)
        self.same.add(idem)
        return self.run(self.store.submit(wish)).request_id

    def cancel(self, request_id: int) -> None:
        """Its member presses the button."""
        user, _ = self.sent[self.acknowledged_as(request_id)]
        self.cancels[request_id] = user
        self._bot.tell("cancel", request_id, user)
        self.answered()

    def acknowledged(self) -> dict[str, int]:
        """Requests that the platform was told are accepted, by their keys."""
        return {line["idem"]: line["request"] for line in self._acknowledged.lines()}

    def acknowledged_as(self, request_id: int) -> str:
        return next(idem for idem, number in self.acknowledged().items() if number == request_id)

    def answered(self) -> tuple[Any, ...] | None:
        """What the bot says; None where it dies before it can."""
        said = self._bot.hear()
        if said is None and self._bot.alive:
            # The line breaks a moment before the process is gone.
            self._bot.ended()
        return said

    # The supervisor

    def start_bot(self, failpoints: str = "", power: str = "") -> Child:
        """Started again, it gets what it has not acknowledged, and a little of what it has."""
        if self.bot is not None:
            # The product's lock allows one for a data folder.
            self.bot.kill()
        self.bot = Child(roles.bot, self.terms, failpoints=failpoints, power=power).ready()
        known = self.acknowledged()
        for idem in [idem for idem in self.sent if idem not in known] + list(known)[-RESENT:]:
            if self.bot.alive:
                self._send(idem)
                self.answered()
        for request_id, user in list(self.cancels.items())[-1:]:
            self.bot.tell("cancel", request_id, user)
            self.answered()
        return self.bot

    def start_worker(self, failpoints: str = "", power: str = "") -> Child:
        self._name = next(self._names)
        self.worker = Child(roles.worker, self.terms, self._name, failpoints=failpoints, power=power).ready()
        return self.worker

    def new_name(self) -> str:
        self._name = next(self._names)
        return self._name

    def bury_worker(self) -> None:
        """What a supervisor does when its engine's process is gone."""
        self.lost += 1
        self.tell_bot("died", self._name)

    def tell_bot(self, *words: Any) -> tuple[Any, ...]:
        """Again and again, to one bot after another, until one has done it."""
        said = None
        for _ in range(20):
            if self.bot is None or not self.bot.alive:
                self.start_bot()
            self._bot.tell(*words)
            if (said := self.answered()) is not None and said[0] not in ("failed", "refused"):
                return said
        raise Stuck(f"nobody could do {words}: {said}")

    # Waiting and judging

    def keep_busy_until_killed(self, child: Child) -> None:
        """Ask for films until a failpoint has ended the process."""
        for _ in range(40):
            if not child.alive:
                break
            line = self.run(self.store.queue())
            if len(line) < OPEN_MAX:
                self.ask()
            elif len(self.sent) % 4 == 3 and line[-1].request_id not in self.cancels:
                self.cancel(line[-1].request_id)
            else:
                child._process.join(0.05)
        else:
            child._process.join(PATIENCE_S)
        child.killed()

    def until_done(self, timeout_s: float = PATIENCE_S) -> None:
        """Until every request has ended and every chat shows it; Stuck at once where a process is gone."""

        async def wait() -> None:
            async with asyncio.timeout(timeout_s):
                while await self.store.queue(limit=1) or await self.database.read(_owed):
                    if any(child is not None and not child.alive for child in (self.bot, self.worker)):
                        raise TimeoutError
                    await self.store.changed(timeout_s=1)

        try:
            self.run(wait())
        except TimeoutError as exc:
            logs = "\n".join(child.words() for child in (self.bot, self.worker) if child is not None)
            raise Stuck(f"no rest: {self.run(self.store.queue())}\n{logs}") from exc

    def frozen(self, child: Child) -> None:
        """Wait until its failpoint has stopped it, but not in the middle of a transaction.

        A stop takes all threads at once, and one of them may hold the write lock: that is a foreign lock, of which
        another test tells. Here the process goes a tiny step further, until it holds none; the thread that reached the
        failpoint lingers there meanwhile.
        """
        child.stopped()
        deadline = time.monotonic() + PATIENCE_S
        while self._locked():
            if time.monotonic() > deadline:
                raise Stuck(f"{child.log.name} stands still and somebody holds the database")
            child.go_on()
            time.sleep(0.005)
            child.stand_still()
            child.stopped()

    def _locked(self) -> bool:
        """Whether nobody can write for a while."""
        with closing(choose_sqlite().connect(self.terms.folder / FILE_NAME)) as connection:
            connection.execute("PRAGMA busy_timeout = 1000")
            try:
                connection.execute("BEGIN IMMEDIATE")
            except choose_sqlite().module.OperationalError:
                return True
            connection.execute("ROLLBACK")
        return False

    def until_state(self, request_id: int, state: JobState) -> Status:
        async def wait() -> Status:
            async with asyncio.timeout(PATIENCE_S):
                while (status := await self.store.status(request_id)).state is not state:
                    await self.store.changed(timeout_s=1)
            return status

        return self.run(wait())

    def come_to_rest(self) -> None:
        """Whole processes, until nothing is left to do."""
        for tries in range(4):
            if self.bot is None or not self.bot.alive:
                self.start_bot()
            if self.worker is None or not self.worker.alive:
                if tries:
                    self.bury_worker()
                self.start_worker()
            for idem in [idem for idem in self.sent if idem not in self.acknowledged()]:
                self._send(idem)
                self.answered()
            try:
                return self.until_done()
            except Stuck:
                # One that was on its way down when it was looked at is gone by now, and the next one takes over.
                assert self.bot is not None
                assert self.worker is not None
                if self.bot.alive and self.worker.alive:
                    raise
        raise Stuck("processes keep ending by themselves")

    def check(self, *, rested: bool = False) -> None:
        """Raises AssertionError that names every broken promise."""
        found = self.run(problems(self, rested=rested))
        tally.done[tally.JUDGED] += 1
        tally.done[tally.VIOLATIONS] += len(found)
        assert not found, "\n".join(found)

    @property
    def _bot(self) -> Child:
        assert self.bot is not None
        return self.bot

    def _send(self, idem: str) -> None:
        user, seconds = self.sent[idem]
        self._bot.tell("ask", idem, user, seconds)


@contextmanager
def site(folder: Path, blank: Path | None = None, **terms: Any) -> Generator[Site]:
    """A fresh data folder, or a copy of a migrated one; its processes are gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    if blank is not None:
        shutil.copy(blank, folder / FILE_NAME)
    opened = Site(Terms(folder=folder, **terms))
    try:
        yield opened
    finally:
        opened.close()


def _owed(db: Any) -> bool:
    return db.exec_driver_sql("SELECT 1 FROM outbox WHERE sent_ms IS NULL LIMIT 1").one_or_none() is not None


__all__ = ["PLATFORM", "Site", "site"]
