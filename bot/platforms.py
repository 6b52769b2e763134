"""Adapters as supervised tasks: each platform connects, fails and comes back without the others noticing.

An adapter is a package `bot.<platform>` with `build(desk, settings, token) -> Adapter`. It is imported only
where its token is set, so a host needs the libraries of the platforms it serves and no others.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import re
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, cast

from pydantic import SecretStr

from bot.chat import Chat, ChatUnavailable
from bot.desk import Desk
from storage.errors import OwnerError, SettingsError
from storage.settings import DISCORD_TOKEN_VARIABLE, TELEGRAM_TOKEN_VARIABLE, Settings, read_token

RESTART_S_MIN, RESTART_S_MAX = 2.0, 300.0
HEALTHY_S = 60.0


@dataclass(frozen=True, slots=True)
class Shape:
    """What every token of a platform looks like."""

    pattern: str
    words: str


SHAPES = {
    "discord": Shape(
        r"[\w-]+\.[\w-]+\.[\w-]+",
        "Discord's have three parts with full stops between them, as shown at "
        "https://discord.com/developers/applications, Bot, Reset Token",
    ),
    "telegram": Shape(
        r"[0-9]+:[\w-]{20,}",
        "Telegram's are a number, a colon and at least 20 letters and digits, as @BotFather shows under /mybots, "
        "API Token",
    ),
}

log = logging.getLogger(__name__)


class Adapter(Chat, Protocol):
    """A chat that is connected while `run` runs."""

    async def run(self) -> None:
        """Until cancelled. Raises OwnerError where its owner must act, anything else where time alone may help."""
        ...


class Builder(Protocol):
    def build(self, desk: Desk, settings: Settings, token: SecretStr) -> Adapter: ...


@asynccontextmanager
async def platforms(desk: Desk, settings: Settings, chats: MutableMapping[str, Chat]) -> AsyncGenerator[None]:
    """Serve every platform with a token; `chats` holds those that are up. Raises SettingsError where there is none."""
    tokens = configured(settings)
    if not tokens:
        raise SettingsError(
            f"No chat platform has a token: set {DISCORD_TOKEN_VARIABLE} or {TELEGRAM_TOKEN_VARIABLE}. "
            "Without a chat, `try` makes films."
        )
    tasks: list[asyncio.Task[None]] = []
    for platform, token in tokens.items():
        module = f"bot.{platform}"
        if importlib.util.find_spec(module) is None:
            log.warning("a token is set, but this version cannot serve the platform", extra={"platform": platform})
            continue
        builder = cast(Builder, importlib.import_module(module))
        tasks.append(asyncio.create_task(_keep_up(platform, builder, desk, settings, token, chats), name=platform))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def configured(settings: Settings) -> dict[str, SecretStr]:
    """Tokens by platform. Raises SettingsError for a token file that cannot be read and for what can be no token."""
    wanted = (
        ("discord", settings.discord.enabled, DISCORD_TOKEN_VARIABLE, settings.discord.token_file),
        ("telegram", settings.telegram.enabled, TELEGRAM_TOKEN_VARIABLE, settings.telegram.token_file),
    )
    found = {name: read_token(name, variable, path) for name, enabled, variable, path in wanted if enabled}
    tokens = {name: token for name, token in found.items() if token is not None}
    for name, token in tokens.items():
        shape = SHAPES[name]
        if re.fullmatch(shape.pattern, token.get_secret_value()) is None:
            # What it holds instead is not repeated: it may be another secret.
            variable = DISCORD_TOKEN_VARIABLE if name == "discord" else TELEGRAM_TOKEN_VARIABLE
            raise SettingsError(f"{variable}, or the file that {name}.token_file names, holds no token: {shape.words}.")
    return tokens


async def _keep_up(
    platform: str,
    builder: Builder,
    desk: Desk,
    settings: Settings,
    token: SecretStr,
    chats: MutableMapping[str, Chat],
) -> None:
    wait_s, tries = RESTART_S_MIN, 0
    while True:
        started_s = asyncio.get_running_loop().time()
        try:
            adapter = builder.build(desk, settings, token)
            chats[platform] = adapter
            await adapter.run()
        except OwnerError as exc:
            # Much of it is mended elsewhere: a port that is freed, a switch on the platform's own page.
            tries += 1
            wait_s = RESTART_S_MAX
            if tries & (tries - 1) == 0:
                facts = {"platform": platform, "reason": exc, "tries": tries, "wait_s": wait_s}
                log.error("not served until this is mended; it is tried again", extra=facts)
        except (ChatUnavailable, OSError) as exc:
            # The network is away: a line when that begins, and ever more rarely while it lasts.
            tries += 1
            if tries & (tries - 1) == 0:
                facts = {"platform": platform, "reason": type(exc).__name__, "tries": tries, "wait_s": wait_s}
                log.warning("platform cannot be reached; it is tried again", extra=facts)
        except Exception:
            log.exception("platform lost; it is connected again", extra={"platform": platform, "wait_s": wait_s})
        finally:
            chats.pop(platform, None)
        if asyncio.get_running_loop().time() - started_s >= HEALTHY_S:
            wait_s, tries = RESTART_S_MIN, 0
        await asyncio.sleep(wait_s)
        wait_s = min(RESTART_S_MAX, wait_s * 2)
