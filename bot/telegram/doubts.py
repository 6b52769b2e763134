"""Messages that may stand though nobody heard so: Telegram knows no nonces, and a call that timed out may be done.

Where Telegram works and its answers are lost, every try would leave one more message. So after the first, none is made
before another call to that chat, one that may be made as often as one likes, has come through and back.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from telegram.constants import ChatAction
from telegram.error import BadRequest, NetworkError
from telegram.ext import ExtBot

from bot.telegram.budget import Priority

DOUBTS_MAX = 5_000


class Doubts:
    """By nonce. Lost in a restart, which costs one more message at worst."""

    def __init__(self) -> None:
        self._nonces: set[str] = set()

    @asynccontextmanager
    async def making(self, bot: ExtBot[Priority], nonce: str, chat_id: int, topic: int | None) -> AsyncGenerator[None]:
        """The block makes the message of this nonce. Raises the library's errors, of its own call too."""
        if nonce in self._nonces:
            await bot.send_chat_action(chat_id, ChatAction.UPLOAD_VIDEO, message_thread_id=topic)
        try:
            yield
        except BadRequest:
            # A kind of NetworkError to the library; but this is an answer.
            self._nonces.discard(nonce)
            raise
        except NetworkError:
            if len(self._nonces) >= DOUBTS_MAX:
                self._nonces.clear()
            self._nonces.add(nonce)
            raise
        self._nonces.discard(nonce)
