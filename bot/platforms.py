"""Adapters as supervised tasks: each platform connects, fails and comes back without the others noticing.

An adapter is a package `bot.<platform>` with `build(desk, settings, token) -> Adapter`. It is imported only
where its token is set, so a host needs the libraries of the platforms it serves and no others.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager
from typing import Protocol, cast

from pydantic import SecretStr

from bot.chat import Chat
from bot.desk import Desk
from storage.errors import OwnerError
from storage.settings import DISCORD_TOKEN_VARIABLE, TELEGRAM_TOKEN_VARIABLE, Settings, read_token

RESTART_S_MIN, RESTART_S_MAX = 2.0, 300.0
HEALTHY_S = 60.0

log = logging.getLogger(__name__)


class Adapter(Chat, Protocol):
    """A chat that is connected while `run` runs."""

    async def run(self) -> None:
        """Until cancelled. Raises OwnerError where starting again cannot help, anything else where it may."""
        ...


class Builder(Protocol):
    def build(self, desk: Desk, settings: Settings, token: SecretStr) -> Adapter: ...


@asynccontextmanager
async def platforms(desk: Desk, settings: Settings, chats: MutableMapping[str, Chat]) -> AsyncGenerator[None]:
    """Serve every platform with a token; `chats` holds those that are up."""
    tokens = configured(settings)
    tasks: list[asyncio.Task[None]] = []
    for platform, token in tokens.items():
        module = f"bot.{platform}"
        if importlib.util.find_spec(module) is None:
            log.warning("a token is set, but this version cannot serve the platform", extra={"platform": platform})
            continue
        builder = cast(Builder, importlib.import_module(module))
        tasks.append(asyncio.create_task(_keep_up(platform, builder, desk, settings, token, chats), name=platform))
    if not tasks:
        log.warning("no chat platform is served; films can be asked for with `try` only")
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def configured(settings: Settings) -> dict[str, SecretStr]:
    """Tokens by platform. Raises SettingsError for a token file that cannot be read."""
    wanted = (
        ("discord", settings.discord.enabled, DISCORD_TOKEN_VARIABLE, settings.discord.token_file),
        ("telegram", settings.telegram.enabled, TELEGRAM_TOKEN_VARIABLE, settings.telegram.token_file),
    )
    found = {name: read_token(name, variable, path) for name, enabled, variable, path in wanted if enabled}
    return {name: token for name, token in found.items() if token is not None}


async def _keep_up(
    platform: str,
    builder: Builder,
    desk: Desk,
    settings: Settings,
    token: SecretStr,
    chats: MutableMapping[str, Chat],
) -> None:
    wait_s = RESTART_S_MIN
    while True:
        started_s = asyncio.get_running_loop().time()
        try:
            adapter = builder.build(desk, settings, token)
            chats[platform] = adapter
            await adapter.run()
        except OwnerError as exc:
            log.error("not served until this is mended", extra={"platform": platform, "reason": exc})
            return
        except Exception:
            log.exception("platform lost; it is connected again", extra={"platform": platform, "wait_s": wait_s})
        finally:
            chats.pop(platform, None)
        if asyncio.get_running_loop().time() - started_s >= HEALTHY_S:
            wait_s = RESTART_S_MIN
        await asyncio.sleep(wait_s)
        wait_s = min(RESTART_S_MAX, wait_s * 2)
