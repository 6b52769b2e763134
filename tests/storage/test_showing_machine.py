"""Films shown, copied, covered and deleted in any order, with calls to chats under way: nothing stands that should not.

A call to a chat has two halves, what the platform does and what is then written down, and anything may come between.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storagekit.clock import ManualClock
from storagekit.films import MIA, begin, finish, message, wish
from storagekit.homes import Home, homes

from storage.errors import RequestRejected, UnknownRequest
from storage.invariants import violations
from storage.jobs import MessageRef
from storage.settings import QueueSettings, QuotaSettings, RetentionSettings
from storage.store import MessageKind, OutboxItem, Store

FILM = message()
SOON = RetentionSettings(upload_hours=1, result_days=2 / 24)
OFTEN = ("show", "shown", "copy", "copied", "hide")
SELDOM = ("delete", "erase", "take away", "hours", "killed")
STEPS = st.sampled_from((*OFTEN, *OFTEN, *SELDOM))


@dataclass(slots=True)
class House:
    """A bot with one film, and the chats as they are: what stands there, and whether it is covered."""

    store: Store
    clock: ManualClock
    chats: dict[MessageRef, bool] = field(default_factory=dict)
    showing: OutboxItem | None = None
    copying: tuple[MessageRef, int] | None = None
    deleted: bool = False
    copies: int = 0

    async def show(self) -> None:
        """The platform's half: the film is posted, or what stands is covered."""
        if self.showing is not None or not (due := await self.store.outbox_due()):
            return
        [item] = due
        self.showing = item
        if item.film_ref is None and not item.status.unreached:
            self.chats[FILM] = item.status.hidden
        for ref in (item.film_ref, *item.copies):
            if ref in self.chats:
                self.chats[ref] = item.status.hidden

    async def shown(self) -> None:
        """The bot's half."""
        item, self.showing = self.showing, None
        if item is None:
            return
        if item.film_ref is not None or not item.status.unreached:
            try:
                await self.store.message_posted(1, MessageKind.FILM, FILM, item.rev)
            except UnknownRequest:
                await self.store.remove_later(1, FILM)
                return
        for copy in item.copies:
            await self.store.copy_posted(1, copy, item.rev)
        with suppress(UnknownRequest):
            await self.store.outbox_sent(1, item.rev)

    async def closed(self) -> None:
        """The film's own chat takes nothing; what stands already is tried for until it is covered."""
        for item in await self.store.outbox_due():
            if self.showing is None and item.film_ref is None and not item.copies:
                await self.store.unreachable(1, item.rev)

    async def copy(self) -> None:
        status = await self.store.status(1)
        if self.copying is None and status.result is not None:
            self.copies += 1
            ref = replace(FILM, chat_id="elsewhere", message_id=f"copy {self.copies}")
            self.copying = ref, status.rev
            self.chats[ref] = status.hidden

    async def copied(self) -> None:
        if self.copying is not None:
            await self.store.copy_posted(1, *self.copying)
            self.copying = None

    async def hide(self) -> None:
        with suppress(RequestRejected):
            await self.store.hide(1, by=MIA, votes=9)

    async def delete(self) -> None:
        await self.store.let_go(1, by=MIA, everyone=True)
        self.deleted = True

    async def erase(self) -> None:
        await self.store.erase(MIA)
        self.deleted = True

    async def take_away(self) -> None:
        for removal in await self.store.removals_due():
            self.chats.pop(removal.ref, None)
            await self.store.removed(removal.ref)

    async def hours(self) -> None:
        self.clock.pass_s(3 * 3600)
        await self.store.purge(SOON)

    async def killed(self) -> None:
        """The next bot posts what was under way under the same nonce, unless that was deleted meanwhile.

        Of a message whose bot was killed before it could say so, and of a copy, it knows nothing.
        """
        item, self.showing = self.showing, None
        if item is not None and self.deleted and item.film_ref is None:
            self.chats.pop(FILM, None)
        elif item is not None:
            await self.show()
        if self.copying is not None:
            del self.chats[self.copying[0]]
            self.copying = None

    async def rest(self) -> None:
        """Everything under way ends, and all that is owed is done."""
        await self.shown()
        await self.copied()
        for _ in range(20):
            if not await self.store.outbox_due() and not await self.store.removals_due():
                return
            await self.show()
            await self.shown()
            await self.take_away()
        raise AssertionError("there is no end of what is owed")


def test_nothing_stands_that_should_not(kind: str, request: pytest.FixtureRequest) -> None:
    fresh = homes(kind, request)

    @settings(
        max_examples=120 if kind == "sqlite" else 20,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(closed=st.booleans(), steps=st.lists(STEPS, min_size=4, max_size=14))
    def holds(closed: bool, steps: list[str]) -> None:
        with fresh() as (home, clock):
            asyncio.run(play(home, clock, ["closed", *steps] if closed else steps))

    holds()


async def play(home: Home, clock: ManualClock, steps: list[str]) -> None:
    async with await home.open() as database:
        house = House(Store(database, clock=clock, queue=QueueSettings(), quota=QuotaSettings()), clock)
        await house.store.submit(wish("1"))
        await finish(house.store, await begin(house.store))
        for step in steps:
            await getattr(house, step.replace(" ", "_"))()
        await house.rest()
        assert await violations(database, None) == []
        covered = (await house.store.status(1)).hidden
        for ref, is_covered in house.chats.items():
            assert not house.deleted, f"{ref.message_id} stands although it was deleted"
            assert is_covered or not covered, f"{ref.message_id} is not covered"
