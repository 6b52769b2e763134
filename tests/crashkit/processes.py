"""Processes that start in milliseconds: forked from a server that has imported the product once."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from crashkit.terms import Terms

PATIENCE_S = 40.0
"""For anything that must happen; reached only by a suite that fails."""

TESTS = Path(__file__).parents[1]


_born: list[Child] = []


def kill_all() -> None:
    """Nobody is left behind, not even one who stands still."""
    while _born:
        _born.pop().kill()


class Stuck(AssertionError):
    """Something that must happen did not."""


class Child:
    """One process and the line to it."""

    def __init__(self, role: Callable[..., None], terms: Terms, *words: str, failpoints: str = "", power: str = ""):
        self.line, theirs = mp.Pipe()
        self.failpoints = failpoints
        self.log = terms.folder / f"{role.__name__}.log"
        environment = {
            "FLIPBOOK_FAILPOINTS": failpoints,
            "FLIPBOOK_MUTANT": os.environ.get("FLIPBOOK_MUTANT", ""),
            "FLIPBOOK_CRASHKIT_POWER": power,
        }
        self._process = _context().Process(
            target=_begin, args=(role, terms, theirs, words, environment, self.log), daemon=True
        )
        self._process.start()
        _born.append(self)
        theirs.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.exitcode is None

    def tell(self, *words: Any) -> None:
        """Say it, if anybody is there to hear."""
        try:
            self.line.send(words)
        except OSError:
            return

    def hear(self, timeout_s: float = PATIENCE_S) -> tuple[Any, ...] | None:
        """The next word from it; None where it ends or is silent for so long."""
        wait([self.line, self._process.sentinel], timeout_s)
        try:
            return self.line.recv() if self.line.poll() else None
        except (EOFError, OSError):
            return None

    def ready(self) -> Child:
        # One that is to be killed may be so before it can say a word.
        if self.hear() != ("ready",) and not (self.failpoints and self.ended() < 0):
            raise Stuck(f"{self.log.name} does not start:\n{self.words()}")
        return self

    def ended(self, timeout_s: float = PATIENCE_S) -> int:
        """Its exit code; negative after a signal."""
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            self.kill()
            raise Stuck(f"{self.log.name} does not end:\n{self.words()}")
        return self._process.exitcode

    def killed(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait for the failpoint to end it. Raises Stuck where it goes on, or ends by itself."""
        code = self.ended(timeout_s)
        if code != -signal.SIGKILL:
            raise Stuck(f"{self.log.name} ended by itself with {code}:\n{self.words()}")

    def stopped(self) -> None:
        """Wait until it stands still."""
        until(lambda: not self.alive or _state(self.pid) == "T", f"{self.log.name} does not stop")
        if not self.alive:
            raise Stuck(f"{self.log.name} ended instead of stopping:\n{self.words()}")

    def stand_still(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> int:
        """In order."""
        self.tell("stop")
        return self.ended()

    def kill(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
            self._process.join()

    def words(self) -> str:
        return self.log.read_text("utf-8")[-4000:] if self.log.exists() else ""


def until(so: Callable[[], bool], otherwise: str, timeout_s: float = PATIENCE_S) -> None:
    """Look often, for what no file descriptor tells of."""
    deadline = time.monotonic() + timeout_s
    while not so():
        if time.monotonic() > deadline:
            raise Stuck(otherwise)
        time.sleep(0.002)


def _context() -> Any:
    context = mp.get_context("forkserver")
    # The server is started once, with the environment of that moment, and must find this package by itself.
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    wanted = [str(TESTS), str(TESTS.parent)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([*wanted, *filter(None, paths)]))
    context.set_forkserver_preload(["__main__", "crashkit.roles", "storage.migrate"])
    return context


def _begin(
    role: Callable[..., None],
    terms: Terms,
    line: Connection,
    words: tuple[str, ...],
    environment: dict[str, str],
    log: Path,
) -> None:
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if environment["FLIPBOOK_MUTANT"]:
        from crashkit.mutants import plant

        plant(environment["FLIPBOOK_MUTANT"])
    if environment["FLIPBOOK_CRASHKIT_POWER"]:
        from crashkit.power import record

        record(Path(environment["FLIPBOOK_CRASHKIT_POWER"]))
    role(terms, line, *words)


def _state(pid: int) -> str:
    if sys.platform != "linux":
        import psutil

        return "T" if psutil.Process(pid).status() == psutil.STATUS_STOPPED else "?"
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "?"
