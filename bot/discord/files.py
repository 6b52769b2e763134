"""Files on their way to Discord: named, covered where they are to be, described for those who cannot see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import discord

from bot.chat import View
from bot.discord.text import ALT_TEXT_CHARS_MAX


@asynccontextmanager
async def opened(paths: Sequence[Path], view: View) -> AsyncGenerator[list[discord.File]]:
    """For one call; closed after it, whatever came of it."""
    files = await asyncio.to_thread(_open, paths, view)
    try:
        yield files
    finally:
        for file in files:
            file.close()


def _open(paths: Sequence[Path], view: View) -> list[discord.File]:
    request_id = view.status.request_id
    return [
        discord.File(
            path,
            filename=f"film-{request_id}{path.suffix}",
            spoiler=view.spoiler,
            description=view.alt_text[:ALT_TEXT_CHARS_MAX] or None,
        )
        for path in paths
    ]
