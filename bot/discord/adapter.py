"""One life of the Discord side: log in, stay connected, say what only the owner can mend, leave in order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import aiohttp
import discord
from pydantic import SecretStr

from bot.chat import ChatUnavailable
from bot.desk import Desk
from bot.discord.chat import DiscordChat
from bot.discord.client import FlipbookClient
from bot.discord.front import Front
from bot.discord.placeholders import Placeholders
from bot.discord.uploads import Uploads
from bot.throttle import Throttle
from storage.clock import Clock, SystemClock
from storage.errors import OwnerError
from storage.settings import DISCORD_TOKEN_VARIABLE, Settings

TOKEN_REFUSED = 4004
"""The gateway's close code."""
READY_S = 2.0
LINES_EVERY_S = 300.0
NETWORK_ERRORS = (OSError, aiohttp.ClientError, discord.ConnectionClosed, discord.GatewayNotFound)

log = logging.getLogger(__name__)


class DiscordAdapter(DiscordChat):
    """A `Chat` that is connected while `run` runs."""

    def __init__(
        self,
        desk: Desk,
        settings: Settings,
        token: SecretStr,
        *,
        clock: Clock | None = None,
        ready_timeout_s: float = READY_S,
    ) -> None:
        super().__init__(settings, clock or SystemClock())
        self._desk = desk
        self._token = token
        self._ready_timeout_s = ready_timeout_s
        quiet_library()

    async def run(self) -> None:
        """Until cancelled. Raises OwnerError for what only the owner can mend, the library's errors otherwise."""
        settings = self._settings
        async with aiohttp.ClientSession() as session:
            uploads = Uploads(
                session,
                bytes_max=settings.intake.upload_bytes_max,
                seconds_max=settings.discord.download_s_max,
                proxy=settings.discord.proxy,
            )
            front = Front(
                desk=self._desk,
                chat=self,
                settings=settings,
                clock=self._clock,
                uploads=uploads,
                placeholders=Placeholders(settings.data.folder),
            )
            try:
                async with FlipbookClient(front, ready_timeout_s=self._ready_timeout_s) as client:
                    self.connect(client)
                    try:
                        await client.login(self._token.get_secret_value())
                        await client.connect()
                    finally:
                        await front.close()
                        await self.finish()
                        self.connect(None)
            except discord.LoginFailure as exc:
                raise _token_refused() from exc
            except discord.PrivilegedIntentsRequired as exc:
                raise OwnerError(
                    "Discord refuses the gateway intents that Flipbook asks for (servers and reactions): open the "
                    "application at https://discord.com/developers/applications, Bot, Privileged Gateway Intents, and "
                    "switch on what is asked for there."
                ) from exc
            except discord.ConnectionClosed as exc:
                if exc.code == TOKEN_REFUSED:
                    raise _token_refused() from exc
                raise
            except (aiohttp.ClientError, OSError, discord.GatewayNotFound, discord.DiscordServerError) as exc:
                raise ChatUnavailable(type(exc).__name__) from exc


def quiet_library() -> None:
    """The library's debug lines hold tokens and members' words: they are never logged, whatever the log's level."""
    logging.getLogger("discord").setLevel(logging.WARNING)
    # There is no voice here, and nothing to warn of.
    discord.VoiceClient.warn_nacl = False
    discord.VoiceClient.warn_dave = False
    for name in ("discord.client", "discord.shard"):
        logger = logging.getLogger(name)
        if not any(isinstance(it, Reconnects) for it in logger.filters):
            logger.addFilter(Reconnects())


class Reconnects(logging.Filter):
    """The library's own tries to connect again: a line at first and every few minutes, not a traceback each."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._lines = Throttle[str](LINES_EVERY_S, keys_max=1, monotonic=monotonic)
        self._tries = 0

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if not isinstance(error, NETWORK_ERRORS):
            return True
        self._tries += 1
        if not self._lines.take(""):
            return False
        record.msg, record.args = f"{record.getMessage()} ({type(error).__name__})", ()
        record.exc_info, record.exc_text, record.tries = None, None, self._tries
        self._tries = 0
        return True


def _token_refused() -> OwnerError:
    return OwnerError(
        f"Discord refuses the bot's token: set {DISCORD_TOKEN_VARIABLE}, or the file that discord.token_file names, to "
        "the token shown at https://discord.com/developers/applications, Bot, Reset Token."
    )
