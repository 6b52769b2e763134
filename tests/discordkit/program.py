"""The shipped program: `flipbook run --config …` in a process of its own, through the stand-in's CONNECT proxy."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chatkit.discord import Discord
from sqlalchemy import update

from storage.clock import SystemClock
from storage.database import Database
from storage.invariants import violations
from storage.media import Media
from storage.schema import request
from storage.settings import load_settings
from storage.store import Store

TESTS = Path(__file__).parents[1]
CONFIG = """\
[data]
folder = "data"
free_bytes_min = 1
ballast_bytes = 0

[engine]
model = "tiny"

[reroll]
cooldown_s = 0

[discord]
proxy = "{proxy}"
"""


@dataclass(slots=True)
class Program:
    """Starts and ends of one installation. Its films are drawn by a stand-in for the engine."""

    kit: Discord
    folder: Path
    _process: asyncio.subprocess.Process | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    async def start(self, *, failpoints: str = "") -> None:
        # What is said into the connection of one that was just killed is lost, and `online` would mean that one.
        await self.kit.until(lambda: not self.kit.gateway.lines())
        config = self.folder / "config.toml"
        config.write_text(CONFIG.format(proxy=self.kit.proxy_url), "utf-8")
        paths = (str(TESTS / "discordkit" / "stub"), str(TESTS), os.environ.get("PYTHONPATH", ""))
        environment = os.environ | self.kit.environment()
        environment |= {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "FLIPBOOK_DISCORD_TOKEN": self.kit.token,
            "FLIPBOOK_FAILPOINTS": failpoints,
        }
        with (self.folder / "bot.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("flipbook")),
                "run",
                "--config",
                str(config),
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def is_online(self) -> bool:
        return self.kit.gateway.connected and bool(self.kit.world.commands)

    @property
    def dead(self) -> bool:
        return self._process is not None and self._process.returncode is not None

    async def online(self) -> None:
        await self.kit.until(lambda: self.is_online, within_s=60)

    async def age(self, *, hours: float) -> None:
        """Everything that is stored happened so much earlier."""
        by_ms = round(hours * 3_600_000)
        columns = (request.c.created_ms, request.c.started_ms, request.c.ended_ms)
        async with await Database.open(self.data) as database:
            await database.write(lambda db: db.execute(update(request).values({c: c - by_ms for c in columns})))

    async def dies(self, *, within_s: float) -> bool:
        """Whether it ends by itself in this time."""
        assert self._process is not None
        try:
            await asyncio.wait_for(self._process.wait(), within_s)
        except TimeoutError:
            return False
        return True

    async def ended(self) -> int:
        """The exit code, once it has ended by itself or by its failpoint."""
        assert self._process is not None
        code = await asyncio.wait_for(self._process.wait(), 60)
        self._process = None
        return code

    async def kill(self) -> None:
        """SIGKILL. Its engine ends by itself when its standard input closes."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        await self.ended()

    async def stop(self) -> int:
        """SIGTERM, as a service manager does it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await self.ended()

    @asynccontextmanager
    async def store(self) -> AsyncGenerator[Store]:
        """The store, read beside the program or after it."""
        settings = load_settings(self.folder / "config.toml")
        async with await Database.open(self.data) as database:
            yield Store.of(database, settings, SystemClock())

    async def violations(self) -> list[str]:
        async with await Database.open(self.data) as database:
            return await violations(database, Media(self.data))

    def log(self) -> str:
        return (self.folder / "bot.log").read_text("utf-8", "replace")


@asynccontextmanager
async def program(folder: Path) -> AsyncGenerator[Program]:
    """A stand-in with TLS and the program beside it. At the end: nothing runs, all invariants and rules hold."""
    folder.mkdir(exist_ok=True)
    async with Discord(proxied_in=folder) as kit:
        found = Program(kit, folder)
        try:
            yield found
        except BaseException:
            sys.stderr.write(found.log()[-6000:])
            raise
        finally:
            if found._process is not None:
                await found.kill()
        assert await found.violations() == []
        assert kit.problems() == [], kit.story()
        assert kit.token not in found.log()
