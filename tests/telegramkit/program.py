"""The shipped program: `flipbook run --config …` in a process of its own, told by its settings where Telegram is."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chatkit.telegram import TelegramKit

from storage.clock import SystemClock
from storage.database import Database
from storage.invariants import violations
from storage.media import Media
from storage.settings import load_settings
from storage.store import Store

TESTS = Path(__file__).parents[1]
PATIENCE_S = 120.0
CONFIG = """\
[data]
folder = "data"
free_bytes_min = 1
ballast_bytes = 0

[engine]
{engine}

[reroll]
cooldown_s = 0

[telegram]
base_url = "{base_url}"
base_file_url = "{base_file_url}"

{more}
"""


@dataclass(slots=True)
class Program:
    """Starts and ends of one installation. Its films are drawn by a stand-in for the engine, unless `real_engine`."""

    kit: TelegramKit
    folder: Path
    real_engine: bool = False
    more: str = ""
    """More sections of its settings."""
    engine: str = 'model = "tiny"'
    token: str = ""
    discord_token: str = ""
    process: asyncio.subprocess.Process | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    async def start(self, *, failpoints: str = "", stub: str = "") -> None:
        """stub: how the stand-in for the engine behaves; see there."""
        config = self.folder / "config.toml"
        text = CONFIG.format(
            base_url=self.kit.base_url,
            base_file_url=self.kit.base_file_url,
            engine=self.engine,
            more=self.more,
        )
        config.write_text(text, "utf-8")
        paths = () if self.real_engine else (str(TESTS / "discordkit" / "stub"), str(TESTS))
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, (*paths, os.environ.get("PYTHONPATH", "")))),
            "FLIPBOOK_TELEGRAM_TOKEN": self.token or self.kit.token,
            "FLIPBOOK_FAILPOINTS": failpoints,
            "FLIPBOOK_STUB": stub,
        }
        environment.pop("FLIPBOOK_DISCORD_TOKEN", None)
        if self.discord_token:
            environment["FLIPBOOK_DISCORD_TOKEN"] = self.discord_token
        # The last bot's question may still be open: the stand-in would take this one for a second poller.
        self.kit.feed.waiting.clear()
        with (self.folder / "bot.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
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

    async def online(self) -> None:
        await self.kit.listening(timeout_s=PATIENCE_S)

    async def ended(self) -> int:
        """The exit code, once it has ended by itself or by its failpoint."""
        assert self.process is not None
        code = await asyncio.wait_for(self.process.wait(), PATIENCE_S)
        self.process = None
        return code

    async def kill(self) -> None:
        """SIGKILL. Its engine ends by itself when its standard input closes."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.ended()

    async def stop(self) -> int:
        """SIGTERM, as a service manager does it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    @asynccontextmanager
    async def store(self) -> AsyncGenerator[Store]:
        """The store, read beside the program or after it."""
        settings = load_settings(self.folder / "config.toml")
        async with await Database.open(self.data) as database:
            yield Store.of(database, settings, SystemClock())

    async def violations(self) -> list[str]:
        async with await Database.open(self.data) as database:
            return [str(it) for it in await violations(database, Media(self.data))]

    async def says(self, words: str) -> None:
        """Until its log has these words: a file tells nobody that it grows."""
        async with asyncio.timeout(PATIENCE_S):
            while words not in self.log():  # noqa: ASYNC110 (nobody sets an event for it)
                await asyncio.sleep(0.05)

    def log(self) -> str:
        return (self.folder / "bot.log").read_text("utf-8", "replace")


@asynccontextmanager
async def program(folder: Path, **more: object) -> AsyncGenerator[Program]:
    """The stand-in and the program beside it. At the end: nothing runs, all invariants and rules hold."""
    folder.mkdir(exist_ok=True)
    async with TelegramKit.open() as kit:
        found = Program(kit, folder, **more)  # type: ignore[arg-type]
        try:
            yield found
        except BaseException:
            sys.stderr.write(found.log()[-6000:])
            raise
        finally:
            if found.process is not None:
                await found.kill()
        assert await found.violations() == []
        assert kit.problems() == []
        assert kit.token not in found.log()
