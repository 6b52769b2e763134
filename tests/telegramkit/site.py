"""A bot in this process: real store, desk, relay and Telegram adapter; the test draws the films."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from botkit.house import Bench
from chatkit.telegram import PATIENCE_S, Chat, Message, Person, Standing, TelegramKit, samples
from pydantic import SecretStr
from sqlalchemy import func, select

from bot.desk import Desk
from bot.picture.readers import Readers
from bot.relay import Relay
from bot.telegram.adapter import TelegramAdapter
from bot.telegram.budget import Budget, Budgets
from bot.telegram.polling import Pauses
from storage.clock import Clock, SystemClock
from storage.database import Database
from storage.invariants import violations
from storage.jobs import Member, Status
from storage.media import Media
from storage.schema import outbox
from storage.settings import DataSettings, EngineSettings, RerollSettings, Settings, TelegramSettings
from storage.store import Store

PROMPT = "the fox turns its head"
ASK = f"/animate {PROMPT} 2.4s"
AT_ONCE = Budgets(
    chat=Budget(10_000, 0.01), group=Budget(10_000, 0.01), overall=Budget(10_000, 0.01), previews=Budget(10_000, 0.01)
)
"""For tests of anything but the budgets: nothing ever waits."""
BRISK = Pauses(busy_s=0.05, lost_s_min=0.01, lost_s_max=0.05, conflict_s=0.05)


@dataclass(slots=True, kw_only=True)
class Site:
    """What a test works on. Films are drawn by `work`, one call for each."""

    kit: TelegramKit
    work: Bench
    desk: Desk
    adapter: TelegramAdapter
    running: asyncio.Task[None]
    mia: Person
    ben: Person
    cave: Chat
    """A supergroup that Ben owns, with the bot as an admin."""

    async def asked(self, who: Person | None = None, where: Chat | None = None, caption: str = ASK) -> Message:
        """A photo with a caption, until the status shows that the request is queued."""
        chat = where or self.cave
        before = set(chat.from_bot)
        (who or self.mia).sends_photo(chat, samples.picture(), caption)
        return await self.says(chat, "🎬", besides=before)

    async def says(self, where: Chat, text: str, *, besides: set[Message] | None = None) -> Message:
        """The bot's newest message with these words, once it stands."""
        return await self.kit.until(
            lambda: next((it for it in reversed(where.from_bot) if text in it.text and it not in (besides or ())), None)
        )

    async def drawn(self, where: Chat | None = None, *, besides: set[Message] | None = None) -> Message:
        """Draw the next film, until it is in the chat and its status is gone."""
        status = await self.work.draw_next()
        film = await self.film(where, besides=besides)
        await self.quiet(status.request_id)
        return film

    async def film(self, where: Chat | None = None, *, besides: set[Message] | None = None) -> Message:
        chat = where or self.cave
        return await self.kit.until(
            lambda: next((it for it in reversed(chat.from_bot) if is_film(it) and it not in (besides or ())), None)
        )

    async def settled(self, look: Callable[[], Awaitable[object]]) -> None:
        """Until what the store says is true: asked after every commit."""
        async with asyncio.timeout(PATIENCE_S):
            while not await look():
                await self.work.store.changed(timeout_s=0.2)

    async def quiet(self, request_id: int) -> None:
        """Until everything that the request's revisions ask of Telegram is done."""

        async def nothing_owed() -> bool:
            return await self.owed(request_id) == 0

        await self.settled(nothing_owed)

    async def owed(self, request_id: int) -> int:
        """How many revisions are not shown yet, put off or not."""
        rows = select(func.count()).where(outbox.c.request_id == request_id, outbox.c.sent_ms.is_(None))
        return await self.work.database.read(lambda db: db.execute(rows).scalar_one())

    async def status(self, request_id: int = 1) -> Status:
        return await self.work.store.status(request_id)

    async def requests(self) -> list[Status]:
        """Of everybody, oldest first."""
        found: list[Status] = []
        for person in (self.mia, self.ben):
            found += await self.work.store.history(member(person))
        return sorted(found, key=lambda status: status.request_id)


def is_film(message: Message) -> bool:
    return message.kind in ("animation", "video") and "✨" in message.text


def labels(message: Message) -> list[str]:
    return [button["text"] for button in message.buttons]


def member(person: Person) -> Member:
    return Member(platform="telegram", user_id=str(person.id), name=person.user.first_name)


def settings_for(folder: Path, kit: TelegramKit, **more: object) -> Settings:
    telegram = TelegramSettings(base_url=kit.base_url, base_file_url=kit.base_file_url)
    # A model that takes any wish, and whose films another seed changes.
    engine = EngineSettings(model="tiny")
    given: dict[str, object] = {"reroll": RerollSettings(cooldown_s=0), "telegram": telegram, "engine": engine} | more
    return Settings.model_validate({"data": DataSettings(folder=folder, free_bytes_min=1, ballast_bytes=0), **given})


@asynccontextmanager
async def site(
    folder: Path,
    kit: TelegramKit,
    *,
    settings: Settings | None = None,
    budgets: Budgets = AT_ONCE,
    clock: Clock | None = None,
) -> AsyncGenerator[Site]:
    """A group, two members and the bot; at the end every promise of the store and of Telegram must hold."""
    mia, ben = kit.person("Mia"), kit.person("Ben")
    cave = kit.supergroup("Cave", ben, mia)
    kit.set_standing(cave, kit.bot, Standing.ADMIN)
    async with bot(folder, kit, settings=settings, budgets=budgets, clock=clock) as (work, desk, adapter, running):
        await kit.listening()
        yield Site(kit=kit, work=work, desk=desk, adapter=adapter, running=running, mia=mia, ben=ben, cave=cave)
    assert not kit.problems(), kit.problems()


@asynccontextmanager
async def bot(
    folder: Path,
    kit: TelegramKit,
    *,
    settings: Settings | None = None,
    budgets: Budgets = AT_ONCE,
    clock: Clock | None = None,
) -> AsyncGenerator[tuple[Bench, Desk, TelegramAdapter, asyncio.Task[None]]]:
    """The bot's tasks on a data folder, as the composition root puts them together; no engine."""
    folder.mkdir(exist_ok=True)
    settings = settings or settings_for(folder, kit)
    clock = clock or SystemClock()
    async with await Database.open(folder) as database, Readers(settings.intake) as readers:
        store = Store.of(database, settings, clock)
        media = Media(folder)
        desk = Desk(store, media, readers, settings=settings, draw=random.Random(7))
        work = Bench(folder=folder, database=database, store=store, media=media, clock=clock, readers=readers)
        adapter = TelegramAdapter(
            desk, settings, SecretStr(kit.token), clock=clock, budgets=budgets, pauses=BRISK, refresh_s=0.05
        )
        relay = Relay(store, media, {"telegram": adapter})
        running = asyncio.create_task(adapter.run())
        relaying = asyncio.create_task(relay.run())
        try:
            yield work, desk, adapter, running
        finally:
            relay.stop()
            await asyncio.wait((relaying,), timeout=PATIENCE_S)
            relaying.cancel()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await relaying
            await asyncio.wait((running,))
        broken = [str(it) for it in await violations(database, media)]
        assert not broken, broken
