"""A bot in this process: real store, desk, relay and Discord adapter; the test draws the films."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from botkit.house import Bench, png
from chatkit.discord import Channel, Discord, File, Guild, Interaction, Message, Person
from pydantic import SecretStr
from sqlalchemy import func, select

from bot.desk import Desk
from bot.discord.adapter import DiscordAdapter
from bot.picture.readers import Readers
from bot.relay import Relay
from storage.clock import SystemClock
from storage.database import Database
from storage.invariants import violations
from storage.jobs import Member, Place, Status
from storage.media import Media
from storage.schema import outbox
from storage.settings import DataSettings, EngineSettings, RerollSettings, Settings
from storage.store import Store

PROMPT = "the fox turns its head"
FILM_S = 120.0
"""For a film that may be encoded again on its way, in a process that gives way to all others of a busy machine."""


@dataclass(slots=True, kw_only=True)
class Site:
    """What a test works on. Films are drawn by `work`, one call for each."""

    kit: Discord
    work: Bench
    desk: Desk
    adapter: DiscordAdapter
    running: asyncio.Task[None]
    guild: Guild
    room: Channel
    mia: Person
    ben: Person

    def ask(self, who: Person | None = None, where: Channel | None = None, **options: object) -> Interaction:
        """/animate, with a picture and words unless the options say otherwise."""
        given: dict[str, object] = {"image": fox(), "prompt": PROMPT, "seconds": 2.4} | options
        return (who or self.mia).slash(where or self.room, "animate", **given)

    async def asked(self, who: Person | None = None, where: Channel | None = None, **options: object) -> Message:
        """/animate, until the status shows that the request is queued."""
        interaction = self.ask(who, where, **options)
        return await self.shows(await self.kit.answer(interaction), "🎬")

    async def shows(self, message: Message, text: str) -> Message:
        return await self.kit.until(lambda: message if text in message.content else None)

    async def film(self, where: Channel | None = None, *, after: int = 0) -> Message:
        return await self.kit.posted(
            where or self.room, lambda message: message.attachments, after=after, within_s=FILM_S
        )

    async def drawn(self, where: Channel | None = None, *, after: int = 0) -> Message:
        """Draw the next film, until it is in the room and its status is gone."""
        status = await self.work.draw_next()
        film = await self.film(where, after=after)
        await self.quiet(status.request_id)
        return film

    async def gone(self, message: Message) -> None:
        await self.kit.until(lambda: message.deleted)

    async def settled(self, look: Callable[[], Awaitable[object]]) -> None:
        """Until what the store says is true: asked after every commit."""
        async with asyncio.timeout(10):
            while not await look():
                await self.work.store.changed(timeout_s=0.2)

    async def quiet(self, request_id: int) -> None:
        """Until everything that the request's revisions ask of Discord is done."""

        async def nothing_owed() -> bool:
            return await self.owed(request_id) == 0

        await self.settled(nothing_owed)

    async def owed(self, request_id: int) -> int:
        """How many revisions are not shown yet, put off or not."""
        rows = select(func.count()).where(outbox.c.request_id == request_id, outbox.c.sent_ms.is_(None))
        return await self.work.database.read(lambda db: db.execute(rows).scalar_one())

    async def status(self, request_id: int = 1) -> Status:
        return await self.work.store.status(request_id)


def fox(content: bytes | None = None, name: str = "fox.png") -> File:
    return File(name, png() if content is None else content)


def member(person: Person) -> Member:
    return Member(platform="discord", user_id=str(person.id), name=person.name)


def home(here: Site) -> Place:
    return Place(platform="discord", community_id=str(here.guild.id), chat_id=str(here.room.id))


def settings_for(folder: Path) -> Settings:
    return Settings(
        data=DataSettings(folder=folder, free_bytes_min=1, ballast_bytes=0),
        reroll=RerollSettings(cooldown_s=0),
        # A model that takes any wish, and whose films another seed changes.
        engine=EngineSettings(model="tiny"),
    )


@asynccontextmanager
async def site(folder: Path, kit: Discord, *, settings: Settings | None = None) -> AsyncGenerator[Site]:
    """A server with a room, two members and the bot; at the end every promise of the store and of Discord must hold."""
    guild = kit.guild("Foxes")
    room = kit.text(guild, "animations")
    mia, ben = kit.person("mia", guild), kit.person("ben", guild)
    async with bot(folder, kit, settings=settings) as (work, desk, adapter, running):
        await kit.connected()
        await kit.until(lambda: kit.world.commands)
        await ready(adapter)
        yield Site(
            kit=kit,
            work=work,
            desk=desk,
            adapter=adapter,
            running=running,
            guild=guild,
            room=room,
            mia=mia,
            ben=ben,
        )
    assert kit.problems() == [], kit.story()


async def ready(adapter: DiscordAdapter) -> None:
    """Until the adapter takes calls: no event of Discord's tells of that."""
    async with asyncio.timeout(10):
        while not adapter.connected:  # noqa: ASYNC110 (the library tells nobody)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def bot(
    folder: Path, kit: Discord, *, settings: Settings | None = None
) -> AsyncGenerator[tuple[Bench, Desk, DiscordAdapter, asyncio.Task[None]]]:
    """The bot's tasks on a data folder, as the composition root puts them together; no engine."""
    folder.mkdir(exist_ok=True)
    settings = settings or settings_for(folder)
    clock = SystemClock()
    async with await Database.open(folder) as database, Readers(settings.intake) as readers:
        store = Store.of(database, settings, clock)
        media = Media(folder)
        desk = Desk(store, media, readers, settings=settings, draw=random.Random(7))
        work = Bench(folder=folder, database=database, store=store, media=media, clock=clock, readers=readers)
        adapter = DiscordAdapter(desk, settings, SecretStr(kit.token), ready_timeout_s=0.05)
        relay = Relay(store, media, {"discord": adapter})
        with kit.reachable():
            running = asyncio.create_task(adapter.run())
            relaying = asyncio.create_task(relay.run())
            try:
                yield work, desk, adapter, running
            finally:
                relay.stop()
                await asyncio.wait((relaying,), timeout=10)
                relaying.cancel()
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await relaying
                await asyncio.wait((running,))
        assert await violations(database, media) == []
