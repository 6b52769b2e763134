"""Answers for which a chat had no room: said when it has, those of one member in one message, and not dropped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable

from bot.chat import ChatUnavailable

ANSWERS_MAX = 20
"""Owed to one member in one chat; an answer that is the same as one of them is not owed twice."""
MEMBERS_MAX = 500
OWED_S_MAX = 300.0
"""Then nobody waits for it any more."""
AGAIN_S = 5.0
"""Where Telegram does not say when."""

Say = Callable[[str], Awaitable[None]]
"""Says one text. Raises ChatUnavailable where there is no room yet."""

log = logging.getLogger(__name__)


class Later:
    """Of one connection; what is owed at its end is not said."""

    def __init__(self) -> None:
        self._owed: dict[Hashable, list[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def owe(self, whom: Hashable, text: str, say: Say, *, after_s: float | None) -> bool:
        """Say it in a while. False where too much is owed already.

        whom: a member in a chat. say: of the first text that is owed there; it says all of them.
        """
        texts = self._owed.get(whom)
        if texts is not None:
            if text not in texts and len(texts) >= ANSWERS_MAX:
                return False
            if text not in texts:
                texts.append(text)
            return True
        if len(self._owed) >= MEMBERS_MAX:
            return False
        self._owed[whom] = [text]
        task = asyncio.create_task(self._pay(whom, say, AGAIN_S if after_s is None else after_s), name="an owed answer")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pay(self, whom: Hashable, say: Say, wait_s: float) -> None:
        end_s = time.monotonic() + OWED_S_MAX
        try:
            while time.monotonic() + wait_s < end_s:
                await asyncio.sleep(wait_s)
                said = list(self._owed[whom])
                try:
                    await say("\n\n".join(said))
                except ChatUnavailable as exc:
                    wait_s = AGAIN_S if exc.after_s is None else exc.after_s
                    continue
                # What came meanwhile is said next.
                rest = self._owed[whom] = self._owed[whom][len(said) :]
                if not rest:
                    return
                wait_s = 0.0
            log.warning("answers were owed for too long and are not said", extra={"count": len(self._owed[whom])})
        except Exception:
            log.exception("answers that were owed are not said")
        finally:
            del self._owed[whom]
