"""Updates on their way to the bot: kept until an offset confirms them, polled for or pushed to a webhook."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from chatkit.telegram.refusals import CONFLICT, WEBHOOK_ACTIVE, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from chatkit.telegram.model import Json

NOT_BY_DEFAULT = ("chat_member", "message_reaction", "message_reaction_count")
FIRST_ID = 70_000_000
AHEAD_MAX = 10
"""An offset that is further beyond the last update confirms nothing, and is answered from the first one on."""


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    secret: str
    max_connections: int


@dataclass(slots=True)
class Feed:
    check: Callable[[Json], None]
    """Called with every update before it is kept: the stand-in's own work is held against the document too."""
    changed: Callable[[], None]
    """Called when updates come or go."""
    allowed: frozenset[str] | None = None
    """None: everything that is sent without being asked for."""
    webhook: Webhook | None = None
    webhook_error: str = ""
    webhook_retry_s: float = 0.2
    pending: list[Json] = field(default_factory=list["Json"])
    handed_out: list[Json] = field(default_factory=list["Json"])
    """Everything ever sent, once per time that it was sent."""
    conflicts: int = 0
    """How often one poller was ended by another."""
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while a poller waits or a webhook stands: somebody listens."""
    _next_id: int = FIRST_ID
    _confirmed: list[Json] = field(default_factory=list["Json"])
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _poller: object | None = None
    _pusher: asyncio.Task[None] | None = None

    def add(self, kind: str, body: Json) -> int | None:
        """Keep an update for the bot. None where the bot has not asked for its kind; else its id."""
        asked = kind not in NOT_BY_DEFAULT if not self.allowed else kind in self.allowed
        if not asked:
            return None
        update = {"update_id": self._next_id, kind: body}
        self.check(update)
        self._next_id += 1
        self.pending.append(update)
        self._tell()
        return update["update_id"]

    def add_strange(self, **body: object) -> int:
        """An update such as Telegram's documents do not know. Its id."""
        update = {"update_id": self._next_id, **body}
        self._next_id += 1
        self.pending.append(update)
        self._tell()
        return update["update_id"]

    def redeliver(self, last: int | None = None) -> int:
        """Forget that updates were confirmed: the bot gets the last ones (or all) once more. How many they are."""
        again = self._confirmed if last is None else self._confirmed[-last:]
        self.pending = sorted([*again, *self.pending], key=lambda update: update["update_id"])
        self._confirmed = [update for update in self._confirmed if update not in again]
        self._tell()
        return len(again)

    def renumber(self, next_id: int) -> None:
        """Count on from any number, as after a week without updates."""
        self._next_id = next_id

    async def poll(self, *, offset: int, limit: int, timeout_s: float, allowed: list[str] | None) -> list[Json]:
        """getUpdates. The newest poller wins: one that waits already gets a 409."""
        if self.webhook:
            raise Refusal(409, WEBHOOK_ACTIVE)
        if allowed is not None:
            self.allowed = frozenset(allowed)
        me = self._poller = object()
        self._tell()
        self._confirm(offset)
        if not self.pending and timeout_s > 0:
            await self._wait(me, timeout_s)
        given = self.pending[: max(1, min(limit, 100))]
        self.handed_out += given
        return given

    def set_webhook(self, webhook: Webhook | None, *, allowed: list[str] | None, drop: bool) -> None:
        if allowed is not None:
            self.allowed = frozenset(allowed)
        if drop:
            self.pending.clear()
        self.close()
        self.webhook = webhook
        if webhook:
            self.waiting.set()
            self._pusher = asyncio.create_task(self._push(webhook))

    def close(self) -> None:
        self.waiting.clear()
        if self._pusher:
            self._pusher.cancel()
            self._pusher = None

    def _confirm(self, offset: int) -> None:
        if offset < 0:  # "the last -offset of them; all earlier ones are forgotten"
            offset = self.pending[max(offset, -len(self.pending))]["update_id"] if self.pending else 0
        if offset > self._next_id + AHEAD_MAX:
            return
        self._confirmed += [update for update in self.pending if update["update_id"] < offset]
        self.pending = [update for update in self.pending if update["update_id"] >= offset]

    async def _wait(self, me: object, timeout_s: float) -> None:
        self.waiting.set()
        self.changed()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    while not self.pending and self._poller is me:
                        self._news.clear()
                        await self._news.wait()
        finally:  # also where the poller's connection ends
            if self._poller is me:
                self.waiting.clear()
        if self._poller is not me:
            self.conflicts += 1
            raise Refusal(409, CONFLICT)

    async def _push(self, webhook: Webhook) -> None:
        """One update after the other; a failed one is tried again until the bot takes it."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": webhook.secret} if webhook.secret else {}
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                while not self.pending:
                    self._news.clear()
                    await self._news.wait()
                update = self.pending[0]
                self.webhook_error = await self._offer(session, webhook.url, update)
                if self.webhook_error:
                    await asyncio.sleep(self.webhook_retry_s)
                elif update in self.pending:
                    self.pending.remove(update)
                    self._confirmed.append(update)
                    self.changed()

    async def _offer(self, session: aiohttp.ClientSession, url: str, update: Json) -> str:
        """What went wrong, or nothing."""
        self.handed_out.append(update)
        try:
            async with session.post(url, json=update) as answer:
                return "" if answer.ok else f"Wrong response from the webhook: {answer.status} {answer.reason}"
        except aiohttp.ClientError as exc:
            return f"{type(exc).__name__}: {exc}"

    def _tell(self) -> None:
        self._news.set()
        self.changed()
