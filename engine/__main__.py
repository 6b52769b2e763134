"""`python -m engine run|doctor --settings FILE`: the engine process, started by the bot or by hand.

It stops cleanly when its standard input closes (the bot's way, the same on every system; it also means
that an engine whose bot was killed goes too), on SIGINT and on SIGTERM: the running film keeps its
place, its checkpoint and its tries.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from storage.errors import FlipbookError, OwnerError, SettingsError
from storage.outputs import end_when_closed, when_closed
from storage.private import private_files
from storage.settings import SECRET_VARIABLES, Settings, first_problem, load_settings

if TYPE_CHECKING:
    from storage.database import Database

EXIT_OWNER = 78
"""The owner must act. The supervisor knows this number too, and waits longer before it starts the engine again."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine", description="Flipbook's engine process.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="claim and draw films until standard input closes")
    run.add_argument("--worker", default=f"engine-{os.getpid()}", help="name of this engine in the queue")
    doctor = verbs.add_parser("doctor", help="print what the engine finds, as JSON")
    for verb in (run, doctor):
        verb.add_argument("--settings", type=Path, required=True, help="TOML, or the JSON that the bot hands on")
    with end_when_closed():
        return _answer(parser.parse_args(arguments))


def _answer(options: argparse.Namespace) -> int:
    try:
        settings = _read_settings(options.settings)
        if options.verb == "doctor":
            return _doctor(settings)
        _set_up_log(settings)
        with private_files():
            return asyncio.run(_serve(settings, options.worker))
    except OwnerError as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_OWNER
    except FlipbookError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1


def _read_settings(path: Path) -> Settings:
    if path.suffix != ".json":
        return load_settings(path)
    try:
        return Settings.model_validate_json(path.read_bytes())
    except ValidationError as exc:
        raise SettingsError(f"The settings {path} that the bot wrote are wrong: {first_problem(exc)}") from None
    except OSError as exc:
        raise SettingsError(f"The settings {path} that the bot wrote cannot be read: {exc.strerror}.") from exc


def _set_up_log(settings: Settings) -> None:
    from storage.logs import set_up_log

    set_up_log(settings.log.level)
    leaked = [name for name in SECRET_VARIABLES if name in os.environ]
    if leaked:
        logging.getLogger(__name__).warning("a token stands in the engine's environment", extra={"variables": leaked})


async def _serve(settings: Settings, worker_name: str) -> int:
    """The process's exit code."""
    # Imported here: doctor and --help should not wait for SQLAlchemy.
    from engine.card import own_card
    from engine.heap import return_large_blocks
    from engine.machine import check_machine
    from engine.studio import Studio
    from engine.weights import choose_device
    from engine.worker import Worker
    from storage.clock import SystemClock
    from storage.disks import free_bytes
    from storage.media import Media
    from storage.store import Store

    # Before anything is claimed: what only the owner can mend is said at the start, not at the first film.
    await asyncio.to_thread(check_machine, settings)
    return_large_blocks()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    _listen_for_stop(loop, stop)
    folder = settings.data.folder
    media = Media(folder)
    database = await _open(settings, stop)
    if database is None:
        return 0
    try:
        worker = Worker(
            name=worker_name,
            store=Store.of(database, settings, SystemClock()),
            studio=Studio(settings, media),
            lease_s=settings.queue.lease_s,
            stall_s=settings.engine.stall_s,
            progress_interval_s=settings.progress.interval_s,
            has_room=lambda: free_bytes(folder) >= settings.data.free_bytes_min,
            spare=media.spare,
        )
        device = await asyncio.to_thread(choose_device, settings.engine.device)
        with when_closed(partial(loop.call_soon_threadsafe, stop.set)):
            async with own_card(folder, device, stop):
                return await worker.serve(stop)
    finally:
        await database.close()


async def _open(settings: Settings, stop: asyncio.Event) -> Database | None:
    """The database, however long it is held, full or away now; None where `stop` comes first."""
    from storage.database import Database
    from storage.errors import DatabaseTrouble
    from storage.outage import Repeats, waits

    failures = Repeats()
    for wait_s in waits():
        try:
            return await Database.open(settings.data.folder, settings.data.database)
        except DatabaseTrouble as exc:
            if failures.again():
                log = logging.getLogger(__name__)
                log.error("the database cannot be opened yet", extra={"reason": exc, "times": failures.count})
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait_s)
        if stop.is_set():
            break
    return None


def _listen_for_stop(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    def ask() -> None:
        try:
            loop.call_soon_threadsafe(stop.set)
        except RuntimeError:  # the loop has already closed
            return

    def on_signal(_number: int, _frame: object) -> None:
        ask()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)

    def read_to_the_end() -> None:
        # Below Python's buffers: a thread inside them would hold their lock when the process ends.
        while os.read(sys.stdin.fileno(), 4096):
            continue
        ask()

    if sys.stdin is not None and not sys.stdin.isatty():
        threading.Thread(target=read_to_the_end, name="stdin", daemon=True).start()


def _doctor(settings: Settings) -> int:
    from engine.doctor import examine

    checks = [asdict(check) for check in examine(settings)]
    sys.stdout.write(json.dumps({"checks": checks}) + "\n")
    return 0 if all(check["ok"] for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
