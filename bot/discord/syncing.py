"""Telling Discord which commands there are: only when they changed, since each telling counts against a daily limit."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import aiohttp
import discord
from discord import app_commands

from storage import files

FILE_NAME = "discord-commands.sha256"
SECONDS_MAX = 60.0

Tree = app_commands.CommandTree[discord.Client]

log = logging.getLogger(__name__)


async def sync_if_changed(tree: Tree, application_id: int, data_folder: Path) -> bool:
    """Whether Discord was told. A failure is logged and tried at the next start: the old commands go on working."""
    digest = await tree_digest(tree, application_id)
    path = data_folder / FILE_NAME
    if await asyncio.to_thread(_read, path) == digest:
        return False
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await tree.sync()
    except (discord.HTTPException, discord.RateLimited, app_commands.CommandSyncFailure) as exc:
        log.error("commands not synced", extra={"reason": exc})
        return False
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        log.error("commands not synced", extra={"kind": type(exc).__name__})
        return False
    try:
        await asyncio.to_thread(files.write_atomically, path, digest)
    except OSError as exc:
        log.warning("commands are synced again at the next start", extra={"reason": exc})
    log.info("commands synced", extra={"application": application_id})
    return True


async def tree_digest(tree: Tree, application_id: int) -> str:
    """SHA-256 of what Discord would be told, and for which application."""
    translator = tree.translator
    payloads: list[dict[str, Any]] = []
    for command in tree.get_commands():
        if translator is None:
            payloads.append(command.to_dict(tree))
        else:
            payloads.append(await command.get_translated_payload(tree, translator))
    payloads.sort(key=lambda payload: (payload["type"], payload["name"]))
    told = json.dumps([application_id, payloads], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
