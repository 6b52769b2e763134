"""`flipbook doctor`: what this machine has and whether the data are whole, as a table for people."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from bot.app import ENGINE_SETTINGS, write_engine_settings
from bot.owner import down_line, pause_line
from bot.platforms import configured
from bot.supervisor import ENGINE, engine_environment
from storage.clock import SystemClock
from storage.database import FILE_NAME, Database
from storage.errors import DatabaseRefused, DatabaseTrouble, SettingsError
from storage.invariants import violations
from storage.media import Media
from storage.settings import Settings
from storage.store import Store

ENGINE_TIMEOUT_S = 180
"""The first import of torch on a cold disk takes a while."""
VIOLATIONS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    ok: bool
    detail: str


async def examine(settings: Settings) -> AsyncIterator[Check]:
    """Check after check, the bot's own first. None raises; opening the database may migrate it, as a start would."""
    yield _disk(settings)
    async for check in _database(settings):
        yield check
    yield _platforms(settings)
    for check in await asyncio.to_thread(engine_checks, settings):
        yield check


def _disk(settings: Settings) -> Check:
    folder = settings.data.folder
    standing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(standing).free
    enough = free >= settings.data.free_bytes_min
    detail = f"{free / 1e9:.1f} GB free for {folder}"
    if not enough:
        detail += f"; data.free_bytes_min asks for {settings.data.free_bytes_min / 1e9:.1f} GB"
    return Check(name="disk", ok=enough, detail=detail)


async def _database(settings: Settings) -> AsyncIterator[Check]:
    data, folder = settings.data, settings.data.folder
    if data.database is None and not (folder / FILE_NAME).exists():
        yield Check(name="database", ok=True, detail=f"none yet in {folder}; the first start makes it")
        return
    try:
        database = await Database.open(folder, data.database)
    except (DatabaseRefused, DatabaseTrouble) as exc:
        yield Check(name="database", ok=False, detail=str(exc))
        return
    async with database:
        mode = database.mode
        journal = f"journal mode {mode.journal}" if database.backs_up else "its backups are yours: pg_dump"
        yield Check(name=mode.product, ok=True, detail=f"{mode.version} ({mode.library}), {journal}")
        store = Store.of(database, settings, SystemClock())
        held, down = await store.paused(), await store.engine_state()
        yield Check(name="pause", ok=True, detail="none" if held is None else pause_line(held))
        if down is not None:
            yield Check(name="engine", ok=False, detail=down_line(down))
        broken = await violations(database, Media(folder))
        if not broken:
            yield Check(name="database", ok=True, detail="all invariants hold")
        for violation in broken[:VIOLATIONS_SHOWN]:
            yield Check(name="database", ok=False, detail=str(violation))
        if len(broken) > VIOLATIONS_SHOWN:
            yield Check(name="database", ok=False, detail=f"and {len(broken) - VIOLATIONS_SHOWN} more")


def _platforms(settings: Settings) -> Check:
    try:
        tokens = configured(settings)
    except SettingsError as exc:
        return Check(name="platforms", ok=False, detail=str(exc))
    return Check(name="platforms", ok=True, detail=f"tokens set: {', '.join(tokens) or 'none'}")


def engine_checks(settings: Settings) -> list[Check]:
    """Ask the engine in a process of its own: torch stays out of this one."""
    with tempfile.TemporaryDirectory(prefix="flipbook-") as folder:
        path = Path(folder) / ENGINE_SETTINGS
        write_engine_settings(settings, path)
        try:
            answer = subprocess.run(
                (*ENGINE, "doctor", "--settings", str(path)),
                env=engine_environment(os.environ),
                capture_output=True,
                timeout=ENGINE_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            return [Check(name="engine", ok=False, detail=f"does not answer: {exc}")]
    try:
        report = json.loads(answer.stdout)
        return [_check(entry) for entry in report["checks"]]
    except (ValueError, KeyError, TypeError):
        said = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        return [Check(name="engine", ok=False, detail=said[-1] if said else f"exit code {answer.returncode}")]


def _check(entry: object) -> Check:
    fields = cast(dict[str, object], entry)
    return Check(name=str(fields["name"]), ok=fields["ok"] is True, detail=str(fields["detail"]))
