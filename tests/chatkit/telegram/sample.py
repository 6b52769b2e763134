"""A bot of a few lines on the real python-telegram-bot: what the kit's own tests talk to."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from telegram import Update
from telegram.ext import Application, ApplicationBuilder, TypeHandler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from telegram import Bot

    from chatkit.telegram.kit import TelegramKit


class Listener:
    """Keeps every update that arrives."""

    def __init__(self, app: Application[Any, Any, Any, Any, Any, Any]) -> None:
        self.app = app
        self.updates: asyncio.Queue[Update] = asyncio.Queue()
        app.add_handler(TypeHandler(Update, self._keep))

    @property
    def bot(self) -> Bot:
        return self.app.bot

    async def next(self) -> Update:
        async with asyncio.timeout(60):
            return await self.updates.get()

    async def _keep(self, update: Update, context: object) -> None:
        self.updates.put_nowait(update)


def application(kit: TelegramKit) -> Application[Any, Any, Any, Any, Any, Any]:
    return (
        ApplicationBuilder()
        .token(kit.token)
        .base_url(kit.base_url)
        .base_file_url(kit.base_file_url)
        .job_queue(None)
        .build()
    )


@asynccontextmanager
async def polling(kit: TelegramKit, *, allowed: Sequence[str] = Update.ALL_TYPES) -> AsyncIterator[Listener]:
    """A listener that long-polls until the block ends."""
    app = application(kit)
    listener = Listener(app)
    async with app:
        assert app.updater is not None
        await app.start()
        await app.updater.start_polling(allowed_updates=allowed)
        await kit.listening()
        try:
            yield listener
        finally:
            await app.updater.stop()
            await app.stop()
