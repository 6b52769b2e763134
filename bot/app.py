"""Composition root of the bot: the one place where its parts are built and put together. Never imports torch."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bot.chat import Chat
from bot.desk import Desk
from bot.kept import clear_scratch
from bot.picture.readers import Readers
from bot.platforms import platforms
from bot.relay import Relay
from bot.supervisor import Patience, Supervisor, engine_command
from bot.upkeep import Chore, upkeep
from storage.clock import Clock
from storage.database import Database
from storage.errors import SettingsError
from storage.files import write_atomically
from storage.lock import hold
from storage.media import Media
from storage.private import make_private
from storage.settings import DiscordSettings, Settings, TelegramSettings
from storage.store import Store

ENGINE_SETTINGS = "engine-settings.json"
ENGINE_LOG = "engine.log"
RELAY_FAILURES_MAX = 5
RELAY_HEALTHY_S = 60.0
RELAY_RESTART_S = 1.0
RELAY_STOP_S = 15.0
"""For calls to platforms that are in flight when the bot stops."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What stands on one data folder."""

    settings: Settings
    clock: Clock
    database: Database
    store: Store
    media: Media
    desk: Desk


@asynccontextmanager
async def open_house(settings: Settings, clock: Clock) -> AsyncGenerator[House]:
    """Hold the data folder: its lock, its database, its desk.

    Raises SettingsError where the folder cannot be made, DatabaseRefused where another bot holds it.
    """
    folder = settings.data.folder
    await asyncio.to_thread(make_data_folder, settings)
    with hold(folder, "bot"):
        await asyncio.to_thread(clear_scratch, folder)
        database = await Database.open(folder, settings.data.database)
        try:
            store = Store.of(database, settings, clock)
            media = Media(folder)
            mode = database.mode
            log.info("database opened", extra={"folder": folder, "version": mode.version, "journal": mode.journal})
            async with Readers(settings.intake) as readers:
                desk = Desk(store, media, readers, settings=settings, draw=random.SystemRandom())
                yield House(settings=settings, clock=clock, database=database, store=store, media=media, desk=desk)
        finally:
            await database.close()


class Work:
    """The tasks of a running bot."""

    def __init__(self, supervisor: Supervisor, relay: Relay, chores: Sequence[Chore] = ()) -> None:
        self._supervisor = supervisor
        self.chores = chores
        self._relay = relay
        self.engine = asyncio.create_task(supervisor.run(), name="engine")
        self.relay = asyncio.create_task(_keep_relaying(relay), name="relay")

    async def watch(self, wanted: Awaitable[T]) -> T:
        """The wanted result, or the first failure of engine or relay, whichever comes first."""
        goal = asyncio.ensure_future(wanted)
        try:
            await asyncio.wait((goal, self.engine, self.relay), return_when=asyncio.FIRST_COMPLETED)
            for task in (self.engine, self.relay):
                if task.done() and not goal.done():
                    task.result()
            return await goal
        finally:
            goal.cancel()

    def hurry(self) -> None:
        """Let the engine be killed instead of asked: its film goes on where its last checkpoint stands."""
        self._supervisor.stop(at_once=True)

    async def end(self) -> None:
        """First the engine, which gives its film back; then the relay, which tells of that."""
        self._supervisor.stop()
        await asyncio.wait((self.engine,))
        self._relay.stop()
        await asyncio.wait((self.relay,), timeout=RELAY_STOP_S)
        self.relay.cancel()
        await asyncio.gather(self.engine, self.relay, return_exceptions=True)


@asynccontextmanager
async def at_work(house: House, chats: Mapping[str, Chat], patience: Patience) -> AsyncGenerator[Work]:
    """Engine, relay and upkeep, running; stopped in the order that loses nothing."""
    folder = house.settings.data.folder
    settings_path = folder / ENGINE_SETTINGS
    await asyncio.to_thread(write_engine_settings, house.settings, settings_path)
    supervisor = Supervisor(
        engine_command(settings_path),
        names=lambda: f"engine-{secrets.token_hex(4)}",
        on_death=house.store.engine_died,
        on_down=house.store.engine_down,
        is_lost=house.store.lost,
        log_path=folder / ENGINE_LOG,
        environment=os.environ,
        patience=patience,
    )
    async with upkeep(house.store, house.database, house.media, house.clock, house.settings) as chores:
        work = Work(supervisor, Relay(house.store, house.media, chats), chores)
        try:
            yield work
        finally:
            await work.end()


async def serve(settings: Settings, clock: Clock, stop: asyncio.Event) -> None:
    """`flipbook run`: everything that the settings name, until `stop`.

    A platform that fails or an engine that only its owner can mend is said and logged; the rest goes on, and both
    are tried again.
    """
    async with open_house(settings, clock) as house:
        if await house.store.paused() is not None:
            log.warning("the owner pauses: requests are accepted, no film is drawn until `resume`")
        chats: dict[str, Chat] = {}
        patience = Patience(restart_max_s=settings.engine.restart_wait_s_max)
        # Platforms last: what the engine gave back is still told while they are connected.
        async with platforms(house.desk, settings, chats), at_work(house, chats, patience) as work:
            work.engine.add_done_callback(_say_engine_lost)
            stopped = asyncio.create_task(stop.wait())
            # Without an engine the bot still takes requests and answers; without a relay it is mute.
            await asyncio.wait((stopped, work.relay), return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            house.desk.close()
            if work.relay.done():
                work.relay.result()


def write_engine_settings(settings: Settings, path: Path) -> None:
    """What the engine is told, without the platforms: even a proxy's address may hold a password."""
    told = settings.model_copy(update={"discord": DiscordSettings(), "telegram": TelegramSettings()})
    write_atomically(path, told.model_dump_json(indent=2))


def make_folder(folder: Path) -> None:
    """Raises SettingsError where the folder cannot be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        raise SettingsError(f"The folder {folder} cannot be written to: {exc.strerror or exc}.") from exc


def make_data_folder(settings: Settings) -> None:
    """A folder that nobody else may read. Raises SettingsError where it cannot be made or written to."""
    folder = settings.data.folder
    try:
        make_private(folder, shared=settings.data.database is not None)
    except OSError as exc:
        raise SettingsError(f"The folder {folder} cannot be written to: {exc.strerror or exc}.") from exc
    make_folder(folder)


async def _keep_relaying(relay: Relay) -> None:
    """A relay may stop anywhere and start again; one that cannot read the store at all is given up."""
    failures = 0
    while True:
        started_s = asyncio.get_running_loop().time()
        try:
            return await relay.run()
        except Exception:
            lived_s = asyncio.get_running_loop().time() - started_s
            failures = 1 if lived_s >= RELAY_HEALTHY_S else failures + 1
            if failures == RELAY_FAILURES_MAX:
                raise
            log.exception("relay failed; it starts again", extra={"failures": failures})
            await asyncio.sleep(failures * RELAY_RESTART_S)


def _say_engine_lost(engine: asyncio.Task[None]) -> None:
    if engine.cancelled():
        return
    error = engine.exception()
    if error is not None:
        log.error("engine supervision failed", exc_info=error)
