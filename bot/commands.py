"""What each `flipbook` command does, between the parsed line and the exit code."""

from __future__ import annotations

import argparse
import asyncio
import importlib.resources
import json
import logging
import sys
import uuid
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot import exits
from bot.app import serve
from bot.chat import Incoming
from bot.desk import Accepted, Asker, Desk
from bot.doctor import Check, examine
from bot.installation import installation, leave_note
from bot.signals import on_stop
from bot.terminal.chat import HOME, PERSON, PLATFORM
from bot.terminal.session import Ask, as_json, draw
from bot.terminal.settings import OUT_DEFAULT, read_upload, try_settings
from bot.wording import table
from bot.wording.views import history_line
from storage.clock import SystemClock
from storage.database import FILE_NAME, Database
from storage.errors import FlipbookError, RequestRejected
from storage.jobs import JobState, Status
from storage.logs import set_up_log
from storage.models import model_card
from storage.outputs import when_closed
from storage.settings import Settings, load_settings
from storage.store import Store

END_S = 90.0
"""From a stop signal on: the engine has 35 s to give its film back, messages under way have 15."""
EXAMPLE = "example.jpg"
EXAMPLE_PROMPT = "The camera slowly moves to the left."


def try_film(options: argparse.Namespace) -> int:
    settings = _own_settings(options)

    async def ask(desk: Desk) -> Accepted:
        return await desk.submit(await asyncio.to_thread(_incoming, options, settings))

    return _film(options, settings, ask)


def reroll(options: argparse.Namespace) -> int:
    async def ask(desk: Desk) -> Accepted:
        return await desk.reroll(options.id, _asker(), prompt=options.prompt)

    return _film(options, _own_settings(options), ask)


def extend(options: argparse.Namespace) -> int:
    async def ask(desk: Desk) -> Accepted:
        return await desk.extend(options.id, _asker(), prompt=options.prompt, seconds=options.seconds)

    return _film(options, _own_settings(options), ask)


def _film(options: argparse.Namespace, settings: Settings, ask: Ask) -> int:
    # The display belongs to the film; the bot's own log keeps to what is wrong, and the engine has its file.
    logging.basicConfig(level=logging.ERROR)
    console = Console(stderr=options.json)
    outcome = asyncio.run(draw(settings, _out(options), ask, console, SystemClock()))
    if options.json:
        sys.stdout.write(json.dumps(as_json(outcome)) + "\n")
    match outcome.status.state:
        case JobState.DONE:
            return exits.DONE
        case JobState.FAILED | JobState.EXPIRED:
            return exits.FAILED
        case _:
            return exits.INTERRUPTED


def history(options: argparse.Namespace) -> int:
    settings = _own_settings(options)
    films = asyncio.run(_past(settings, options.limit))
    console = Console()
    if not films:
        console.print(f"No films yet in {settings.data.folder}.", markup=False, highlight=False, soft_wrap=True)
        return exits.DONE
    words = table(PERSON.locale)
    grid = Table("ID", "State", "Seed", "Film", box=None, pad_edge=False)
    for status in films:
        line = history_line(words, status)
        grid.add_row(str(status.request_id), status.state.value, str(status.params.seed), line)
    console.print(grid, markup=False)
    return exits.DONE


async def _past(settings: Settings, limit: int) -> list[Status]:
    folder = settings.data.folder
    if settings.data.database is None and not (folder / FILE_NAME).is_file():
        return []
    async with await Database.open(folder, settings.data.database) as database:
        store = Store.of(database, settings, SystemClock())
        return await store.history(PERSON, limit=limit)


def run(options: argparse.Namespace) -> int:
    settings = load_settings(options.config)
    set_up_log(settings.log.level)
    leave_note(options.config, settings)

    async def until_stopped() -> None:
        stop = asyncio.Event()
        closed = partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set)
        with on_stop(stop.set, end_s=END_S), when_closed(closed):
            await serve(settings, SystemClock(), stop)

    asyncio.run(until_stopped())
    return exits.DONE


def doctor(options: argparse.Namespace) -> int:
    found = installation(options)
    settings = found.settings
    if options.model is not None:
        engine = settings.engine.model_copy(update={"model": model_card(options.model).name})
        settings = settings.model_copy(update={"engine": engine})
    if not options.json:
        sys.stdout.write(f"{found.line()}\n")
        sys.stdout.flush()
    checks = asyncio.run(_examined(settings))
    if options.json:
        told = [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in checks]
        report = {"installation": str(settings.data.folder), "checks": told}
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        grid = Table("", "Check", "Found", box=None, pad_edge=False)
        for check in checks:
            grid.add_row("ok" if check.ok else Text("!!", style="bold red"), check.name, check.detail)
        # Details hold paths: a folder called "[old]" is no colour.
        Console().print(grid, markup=False)
    return exits.DONE if all(check.ok for check in checks) else exits.FAILED


async def _examined(settings: Settings) -> list[Check]:
    return [check async for check in examine(settings)]


def say_error(error: FlipbookError, *, as_json: bool) -> None:
    """The sentence on standard error; what an engine said last goes below it."""
    sys.stderr.write(f"{error}\n")
    for note in getattr(error, "__notes__", ()):
        sys.stderr.write(f"{note}\n")
    if as_json:
        refused = {"state": "refused", "error": str(error)}
        if isinstance(error, RequestRejected):
            refused["field"] = error.field
        sys.stdout.write(json.dumps(refused) + "\n")


def _own_settings(options: argparse.Namespace) -> Settings:
    model: str | None = getattr(options, "model", None)
    return try_settings(options.config, out=_out(options), data=options.data, model=model)


def _out(options: argparse.Namespace) -> Path:
    return options.out or OUT_DEFAULT


def _incoming(options: argparse.Namespace, settings: Settings) -> Incoming:
    most = settings.intake.upload_bytes_max
    prompt: str = options.prompt
    if options.picture is None:
        picture = importlib.resources.files("bot").joinpath("pictures", EXAMPLE).read_bytes()
        prompt = prompt or EXAMPLE_PROMPT
    else:
        picture = read_upload(options.picture, bytes_max=most, field="picture")
    end_picture = None
    if options.end_picture is not None:
        end_picture = read_upload(options.end_picture, bytes_max=most, field="end_picture")
    return Incoming(
        idem=_idem(),
        member=PERSON,
        place=HOME,
        picture=picture,
        prompt=prompt,
        seconds=options.seconds,
        seed=options.seed,
        schedule=options.schedule,
        steps=options.steps,
        size=options.size,
        end_picture=end_picture,
        letterbox=options.letterbox,
    )


def _asker() -> Asker:
    return Asker(member=PERSON, place=HOME, idem=_idem())


def _idem() -> str:
    """Every start of the command is a wish of its own."""
    return f"{PLATFORM}:{uuid.uuid4()}"
