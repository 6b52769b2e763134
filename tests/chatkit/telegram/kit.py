"""The kit as a test holds it: a Telegram of its own with people, chats and a Bot API on loopback."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from chatkit.telegram.flood import UNLIMITED, FloodLimits
from chatkit.telegram.model import SENDING_RIGHTS, Chat, Content, Membership, Standing, User
from chatkit.telegram.payloads import message_json
from chatkit.telegram.people import Person
from chatkit.telegram.server import Server
from chatkit.telegram.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from pathlib import Path

    from chatkit.telegram.faults import Faults
    from chatkit.telegram.feed import Feed
    from chatkit.telegram.files import Files
    from chatkit.telegram.flood import Flood
    from chatkit.telegram.model import Click, Exchange

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-kit"
BOT = User(110201543, "Flipbook", "flipbook_bot", is_bot=True)
FIRST_PERSON = 500_000_001
PATIENCE_S = 60.0
"""On a busy machine everything comes late; only what never comes takes so long."""
SUPERGROUP = -1_000_000_000_000
TOPIC_COLOUR = 7322096

Seen = TypeVar("Seen")


class TelegramKit:
    """Made by `TelegramKit.open()`."""

    def __init__(self, world: World, server: Server) -> None:
        self._world = world
        self._server = server
        self._owner = self.person("Owner")
        self.token = TOKEN

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        flood: FloodLimits = UNLIMITED,
        privacy_mode: bool = True,
        local_folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        port: int = 0,
    ) -> AsyncIterator[TelegramKit]:
        """A stand-in that runs until the block ends.

        flood: `FloodLimits()` for Telegram's own figures. privacy_mode: as BotFather sets it. local_folder: be a local
        Bot API server that keeps its files there. clock: seconds, for the flood limits.
        """
        world = World(replace(BOT), clock=clock, privacy_mode=privacy_mode)
        world.flood.limits = flood
        world.files.local_folder = local_folder
        server = Server(world, TOKEN)
        async with server.running(port):
            yield cls(world, server)

    # Where the bot finds it

    @property
    def base_url(self) -> str:
        """For ApplicationBuilder.base_url."""
        return f"{self._server.base}/bot"

    @property
    def base_file_url(self) -> str:
        """For ApplicationBuilder.base_file_url."""
        return f"{self._server.base}/file/bot"

    # Who and what there is

    @property
    def bot(self) -> User:
        return self._world.bot

    def person(self, name: str, *, language: str = "en", username: str = "", is_bot: bool = False) -> Person:
        """Somebody new. Another bot where `is_bot`."""
        number = FIRST_PERSON + len(self._world.people)
        user = User(number, name, username or f"{name.lower()}_{number % 1000}", language, is_bot)
        private = Chat(number, "private", partner=user)
        self._world.people[number] = user
        self._world.chats[number] = private
        return Person(user, private, self._world)

    def group(self, title: str, *people: Person, bot: Standing = Standing.MEMBER) -> Chat:
        """A small group; the first person owns it. bot: what the tested bot is there."""
        return self._found(-4_000_000 - self._world.serial(), "group", title, people, bot)

    def supergroup(
        self,
        title: str,
        *people: Person,
        bot: Standing = Standing.MEMBER,
        username: str = "",
        topics: tuple[str, ...] = (),
    ) -> Chat:
        """topics: names of a forum's topics; `chat.topics` has them by message_thread_id, from 2 on."""
        chat = self._found(SUPERGROUP - 2_000_000_000 - self._world.serial(), "supergroup", title, people, bot)
        chat.username, chat.forum = username, bool(topics)
        if chat.forum:  # a topic's id is that of the message that opened it; 1 is the general topic
            self._world.post(chat, Content(), sender=self._owner.user, service={"supergroup_chat_created": True})
        for name in topics:
            service = {"forum_topic_created": {"name": name, "icon_color": TOPIC_COLOUR}}
            chat.topics[self._world.post(chat, Content(), sender=self._owner.user, service=service).id] = name
        return chat

    def channel(self, title: str, *people: Person, bot: Standing = Standing.ADMIN, username: str = "") -> Chat:
        chat = self._found(SUPERGROUP - 1_000_000_000 - self._world.serial(), "channel", title, people, bot)
        chat.username = username
        return chat

    def _found(self, chat_id: int, kind: str, title: str, people: tuple[Person, ...], bot: Standing) -> Chat:
        chat = Chat(chat_id, kind, title)
        owner = people[0] if people else self._owner
        chat.members = {person.id: Membership(person.user) for person in people}
        chat.members[owner.id] = Membership(owner.user, Standing.OWNER)
        chat.members[self.bot.id] = Membership(self.bot, bot)
        self._world.chats[chat_id] = chat
        return chat

    # What happens to chats

    def set_standing(
        self,
        chat: Chat,
        who: Person | User,
        standing: Standing,
        *,
        without: Iterable[str] = (),
        anonymous: bool = False,
    ) -> None:
        """Make somebody (`kit.bot` too) an admin, a member, … without: rights that a restricted one lacks."""
        user = who.user if isinstance(who, Person) else who
        member = Membership(user, standing, anonymous, SENDING_RIGHTS.difference(without))
        self._world.set_standing(chat, member, by=self._owner.user)

    def upgrade(self, group: Chat) -> Chat:
        """A group becomes a supergroup with another id, as when it grows or gets an admin. Both chats say so."""
        heir = self.supergroup(group.title)
        heir.members = dict(group.members)
        goodbye = self._world.post(group, Content(), sender=self._owner.user, service={"migrate_to_chat_id": heir.id})
        group.upgraded_to = heir
        hello = self._world.post(heir, Content(), sender=self._owner.user, service={"migrate_from_chat_id": group.id})
        for message in (goodbye, hello):
            self._world.feed.add("message", message_json(message))
        return heir

    def close_topic(self, chat: Chat, topic: int) -> None:
        chat.closed_topics.add(topic)

    @contextmanager
    def ago(self, seconds: float) -> Iterator[None]:
        """What happens inside happened that long ago, by the dates in updates and messages."""
        self._world.back_s += seconds
        try:
            yield
        finally:
            self._world.back_s -= seconds

    # What the bot did

    @property
    def calls(self) -> list[Exchange]:
        """Every call and its answer, in order of the answers."""
        return self._server.calls

    def called(self, method: str, chat: Chat | None = None) -> list[Exchange]:
        return [
            exchange
            for exchange in self.calls
            if exchange.call.method == method and (chat is None or exchange.call.get("chat_id") == chat.id)
        ]

    def commands(self, *, scope: str = "default", language: str = "") -> dict[str, str]:
        """The bot's command list as setMyCommands left it: descriptions by names.

        scope: the `type` of a BotCommandScope; a scope of one chat or person is `chat:ID` or `chat_member:ID:ID`.
        """
        found = self._world.commands.get((scope, language), [])
        return {command["command"]: command["description"] for command in found}

    @property
    def command_lists(self) -> list[tuple[str, str]]:
        """Scopes and languages for which there is a command list."""
        return list(self._world.commands)

    def unanswered(self) -> list[Click]:
        """Pressed buttons that still spin."""
        return [click for click in self._world.clicks.values() if click.answer is None]

    @property
    def chat_actions(self) -> list[tuple[int, str]]:
        """Chat ids and what the bot was said to be doing there."""
        return self._world.chat_actions

    def problems(self) -> list[str]:
        """Every rule that was broken so far, by the bot or by the stand-in itself."""
        return list(self._world.problems)

    def take_problems(self) -> list[str]:
        """The same, and they are forgotten: for tests that break a rule on purpose."""
        found = self.problems()
        self._world.problems.clear()
        return found

    # What is between

    @property
    def faults(self) -> Faults:
        return self._server.faults

    @property
    def feed(self) -> Feed:
        return self._world.feed

    @property
    def files(self) -> Files:
        return self._world.files

    @property
    def flood(self) -> Flood:
        return self._world.flood

    # Waiting

    async def until(self, look: Callable[[], Seen], *, timeout_s: float = PATIENCE_S) -> Seen:
        """Wait for what `look` sees to be true, and return it. Looked again at whenever anything changes.

        Raises AssertionError with the last calls where it does not come.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not (seen := look()):
                    self._world.changed.clear()
                    await self._world.changed.wait()
                return seen
        except TimeoutError:
            last = [f"{e.call.method} {e.call.params!r:.300} -> {e.status} {e.body!r:.200}" for e in self.calls[-8:]]
            raise AssertionError("not seen in time; last calls:\n" + "\n".join(last)) from None

    async def listening(self, *, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the bot polls or has set its webhook."""
        async with asyncio.timeout(timeout_s):
            await self.feed.waiting.wait()

    async def settled(self, *, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the bot has taken every update and asks for more. Its handlers may still be at work."""
        await self.until(lambda: not self.feed.pending and self.feed.waiting.is_set(), timeout_s=timeout_s)
