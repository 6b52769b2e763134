"""Keeps an engine process alive: starts it, notices its end, starts it again with back-off, stops it cleanly."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

from storage.errors import DatabaseTrouble, EngineLost
from storage.logs import printable
from storage.outage import Repeats
from storage.settings import SECRET_VARIABLES

EXIT_OWNER = 78
"""The engine's exit code where its owner must act (EX_CONFIG of sysexits.h); it is looked at again after a while."""
EXIT_PAUSED = 77
"""The engine's exit code where its owner pauses: it has given its film back and, by ending, the card's memory."""
ENGINE = (sys.executable, "-P", "-m", "engine")
"""-P: a folder named "engine" where the owner happens to stand must not be taken for ours."""
LOG_BYTES_MAX = 2_000_000
LOGS_KEPT = 2
DOWN_DEATHS = 2
"""After so many in a row, without a healthy minute between them, members are told that the engine is down."""
LINE_BYTES_MAX = 8_192
"""Of one line of the child's output: a progress bar may never end its line."""
TAIL_LINES = 12

_NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the supervisor waits for what, in seconds."""

    restart_min_s: float = 1.0
    restart_max_s: float = 300.0
    """The wait between two starts doubles from the first to the second."""
    owner_s: float = 120.0
    """Before an engine that only its owner can help is started again: weights may be there by then, a card free."""
    healthy_s: float = 60.0
    """An engine that lived this long has earned a fresh back-off."""
    stop_s: float = 30.0
    """For a clean stop: the engine finishes its denoising block and gives its job back."""
    terminate_s: float = 5.0
    look_s: float = 10.0
    """Between two looks at whether the engine still holds its lease."""
    deaths_max: int | None = None
    """Give up after so many deaths without a healthy minute between them; None never gives up."""


class Supervisor:
    """One engine. `run` until `stop`; the engine stops by itself when its standard input closes.

    That also holds where the bot is killed: the pipe closes with it, and no engine is left behind.
    """

    def __init__(
        self,
        command: Callable[[str], Sequence[str]],
        *,
        names: Callable[[], str],
        on_death: Callable[[str], Awaitable[object]],
        on_down: Callable[[str], Awaitable[object]],
        is_lost: Callable[[str], Awaitable[bool]],
        log_path: Path,
        environment: Mapping[str, str],
        patience: Patience,
    ) -> None:
        """command: worker name → what to start.  names: a new worker name for every start.

        on_death: told the name of a worker whose process ended by itself, before the next one starts.
        on_down: told why no engine can be started, at every try. The engine itself says when it is ready.
        is_lost: whether a worker lost its lease; a process that lives all the same is stuck, and is killed.
        """
        self._command = command
        self._names = names
        self._on_death = on_death
        self._on_down = on_down
        self._is_lost = is_lost
        self._log_path = log_path
        self._environment = engine_environment(environment)
        self._patience = patience
        self._stopping = asyncio.Event()
        self._impatient = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`: an engine that ends is started again, however it ended, with growing waits.

        Raises EngineLost only where `Patience.deaths_max` is set: then after so many deaths, or at once where only the
        owner can help, with the engine's own words.
        """
        deaths = 0
        owner = Repeats()
        with _OutputLog(self._log_path) as output:
            while not self._stopping.is_set():
                worker = self._names()
                started_s = asyncio.get_running_loop().time()
                output.forget()
                try:
                    code = await self._live(worker, output)
                except OSError as exc:
                    code = None
                    output.note(f"The engine cannot be started: {exc.strerror or exc}.")
                except Exception as exc:
                    # Whatever it was, such as no thread for the output: drawing does not end for good with it.
                    log.exception("engine supervision failed")
                    code = None
                    output.note(f"The engine cannot be watched: {exc}.")
                if self._stopping.is_set():
                    if code != 0:
                        await self._tell(worker)
                    return
                reason = output.last_line() or "The engine does not say why."
                gives_up = self._patience.deaths_max is not None
                if code == EXIT_PAUSED:
                    # The next one waits for the pause to end, without anything on the card.
                    log.info("engine ended for the owner's pause", extra={"worker": worker})
                    continue
                await self._tell(worker)
                if gives_up and (code == EXIT_OWNER or code is None):
                    raise EngineLost(reason)
                if code == EXIT_OWNER:
                    await self._say_down(reason)
                    if owner.again():
                        facts = {"reason": reason, "wait_s": self._patience.owner_s, "times": owner.count}
                        log.error("no film is drawn until the owner mends this; the engine is tried again", extra=facts)
                    await self._rest(self._patience.owner_s)
                    continue
                owner.over()
                lived_s = asyncio.get_running_loop().time() - started_s
                deaths = 1 if lived_s >= self._patience.healthy_s else deaths + 1
                if deaths >= DOWN_DEATHS:
                    await self._say_down(reason)
                if self._patience.deaths_max is not None and deaths >= self._patience.deaths_max:
                    raise _lost(deaths, code, output, self._log_path)
                wait_s = min(self._patience.restart_max_s, self._patience.restart_min_s * 2 ** min(deaths - 1, 30))
                log.warning(
                    "engine ended; it starts again",
                    extra={"worker": worker, "code": code, "wait_s": wait_s, "last_line": output.last_line()},
                )
                await self._rest(wait_s)

    async def _rest(self, wait_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), wait_s)

    async def _until_lost(self, worker: str) -> None:
        """Return once the worker has lost its lease. Its own watchdog cannot tell: it is as stuck as the rest."""
        while True:
            await asyncio.sleep(self._patience.look_s)
            try:
                if await self._is_lost(worker):
                    return
            except DatabaseTrouble:  # nobody can tell now
                continue
            except Exception:
                log.exception("engine not looked after", extra={"worker": worker})

    async def _tell(self, worker: str) -> None:
        try:
            await self._on_death(worker)
        except DatabaseTrouble as exc:
            # The lease says the same a minute later.
            log.warning("death not recorded", extra={"worker": worker, "reason": exc})
        except Exception:
            # The same; whatever it is must not end supervision.
            log.exception("death not recorded", extra={"worker": worker})

    async def _say_down(self, reason: str) -> None:
        try:
            await self._on_down(reason)
        except DatabaseTrouble:  # it is said again at the next try
            return
        except Exception:
            log.exception("engine's state not recorded")

    def stop(self, *, at_once: bool = False) -> None:
        """Ask for a clean stop, or kill the engine: its job then waits for its lease to end."""
        if at_once:
            self._impatient.set()
        self._stopping.set()

    async def _live(self, worker: str, output: _OutputLog) -> int:
        """One life of the engine: its exit code. Leaves no process behind, not even when cancelled. Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            *self._command(worker),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            # A Ctrl-C at the terminal must not reach the engine: the bot asks it to stop in order.
            creationflags=_NEW_GROUP,
            start_new_session=sys.platform != "win32",
        )
        log.info("engine started", extra={"worker": worker, "pid": process.pid})
        assert process.stdout is not None
        assert process.stderr is not None
        pumps = asyncio.gather(output.pump(process.stdout), output.pump(process.stderr, keep_tail=True))
        stopped = asyncio.create_task(self._stopping.wait())
        ended = asyncio.create_task(process.wait())
        lost = asyncio.create_task(self._until_lost(worker))
        try:
            await asyncio.wait((stopped, ended, lost), return_when=asyncio.FIRST_COMPLETED)
            if lost.done() and not ended.done():
                log.error("engine is stuck; it is killed", extra={"worker": worker, "pid": process.pid})
                process.kill()
                await ended
            if not ended.done():
                await self._end(process, ended)
            # A grandchild may hold the pipes open; its output is not waited for.
            with suppress(TimeoutError):
                await asyncio.wait_for(pumps, 2)
            return ended.result()
        finally:
            stopped.cancel()
            lost.cancel()
            if not ended.done():
                with suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(ended)
            pumps.cancel()
            await asyncio.gather(pumps, stopped, lost, return_exceptions=True)

    async def _end(self, process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
        """Ask by closing standard input; then terminate; then kill (on Windows the last two are one)."""
        assert process.stdin is not None
        process.stdin.close()
        impatient = asyncio.create_task(self._impatient.wait())
        try:
            await asyncio.wait((ended, impatient), timeout=self._patience.stop_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            impatient.cancel()
        if not ended.done() and not self._impatient.is_set():
            log.warning("engine does not stop; it is terminated", extra={"pid": process.pid})
            with suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait((ended,), timeout=self._patience.terminate_s)
        if not ended.done():
            with suppress(ProcessLookupError):
                process.kill()
            await ended


def engine_command(settings_path: Path) -> Callable[[str], Sequence[str]]:
    """The engine of this installation, on these settings."""

    def command(worker: str) -> Sequence[str]:
        return (*ENGINE, "run", "--settings", str(settings_path), "--worker", worker)

    return command


def engine_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What the engine may know: everything but the platforms' tokens. UTF-8 on every system."""
    # Upper case: Windows does not tell the cases of a variable's name apart.
    kept = {name: value for name, value in environment.items() if name.upper() not in SECRET_VARIABLES}
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


class _OutputLog:
    """The child's output in a file of bounded size, and its last lines of standard error in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    def __enter__(self) -> _OutputLog:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._handler = _LogFile(
            self._path, maxBytes=LOG_BYTES_MAX, backupCount=LOGS_KEPT, encoding="utf-8", delay=True
        )
        return self

    def __exit__(self, *_error: object) -> None:
        self._handler.close()

    async def pump(self, stream: asyncio.StreamReader, *, keep_tail: bool = False) -> None:
        """Copy line by line until the stream ends; files are written in a thread."""
        rest = b""
        while chunk := await stream.read(65_536):
            *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
            if len(rest) > LINE_BYTES_MAX:
                lines, rest = [*lines, rest], b""
            await self._write(lines, keep_tail)
        await self._write([rest], keep_tail)

    def forget(self) -> None:
        """A new life begins: what the last one said counts no more."""
        self._tail.clear()

    def note(self, sentence: str) -> None:
        """The supervisor's own words where the child could say nothing."""
        self._tail.append(sentence)

    def last_line(self) -> str:
        return self._tail[-1] if self._tail else ""

    def tail(self) -> str:
        return "\n".join(self._tail)

    async def _write(self, lines: Sequence[bytes], keep_tail: bool) -> None:
        texts = [text for line in lines if (text := line.decode("utf-8", "replace").rstrip())]
        if keep_tail:
            self._tail.extend(texts)
        if texts:
            await asyncio.to_thread(self._emit, texts)

    def _emit(self, texts: Sequence[str]) -> None:
        for text in texts:
            self._handler.handle(logging.makeLogRecord({"msg": printable(text[:LINE_BYTES_MAX])}))


class _LogFile(RotatingFileHandler):
    """A disk that takes nothing costs these lines, and one of ours, not a traceback for each."""

    def handleError(self, record: logging.LogRecord) -> None:
        log.warning("a line of the engine's log is lost", extra={"path": self.baseFilename, "reason": sys.exception()})


def _lost(deaths: int, code: int | None, output: _OutputLog, log_path: Path) -> EngineLost:
    error = EngineLost(f"The engine ended {deaths} times in a row, last with exit code {code}; see {log_path}.")
    if tail := output.tail():
        error.add_note(tail)
    return error
