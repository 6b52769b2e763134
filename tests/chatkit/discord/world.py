"""Everything the stand-in holds, and how it is looked up; whoever changes it says so with `touch`."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import mimetypes
import time
from typing import TYPE_CHECKING, Any, TypeVar

from PIL import Image

from chatkit.discord import spec
from chatkit.discord.errors import refusal
from chatkit.discord.ids import Births
from chatkit.discord.model import UPLOAD_BYTES_MAX, Attachment, Channel, Guild, Kind, Member, Role, User
from chatkit.discord.permissions import USUAL
from chatkit.discord.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from chatkit.discord.model import Command, Interaction, Message

T = TypeVar("T")
LOOK_AGAIN_S = 0.05
LINK_LIFE_S = 24 * 3600
"""How long a link to an attachment is good."""


class World:
    """One Discord with one bot in it."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.births = Births()
        self.problems = Problems()
        self.spec = spec.load()
        self.bot = User(id=self.births.next(), name="flipbook", bot=True)
        self.people: dict[int, User] = {}
        self.operator = self.add_person("operator")
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.commands: dict[int, Command] = {}
        self.interactions: dict[str, Interaction] = {}
        self.attachments: dict[int, Attachment] = {}
        self.nonces: dict[tuple[int, str], Message] = {}
        self.emit: Callable[..., None] = lambda *_args, **_more: None
        """Set by the gateway: tell the bot of an event."""
        self.gateway_url = ""
        self.cdn_base = ""
        """Both are set when the address is known."""
        self.shards = 1
        """How many Discord recommends."""
        self.command_creates = 0
        self.old_edits_max = 5
        """Edits that a message over an hour old still takes. Discord publishes no number."""
        self._woken: set[asyncio.Event] = set()

    # -- making ----------------------------------------------------------------------------------------------------

    def add_person(self, name: str, **traits: Any) -> User:
        person = User(id=self.births.next(), name=name, **traits)
        self.people[person.id] = person
        return person

    def add_guild(self, name: str, owner: User, *, tier: int = 0) -> Guild:
        id = self._id_in_turn()
        everyone = Role(id=id, name="@everyone", permissions=int(USUAL), position=0)
        guild = Guild(id=id, name=name, owner=owner, everyone=everyone, tier=tier)
        guild.upload_bytes_max = UPLOAD_BYTES_MAX[tier]
        guild.roles[everyone.id] = everyone
        for user in (owner, self.bot):
            guild.members[user.id] = Member(user)
        self.guilds[id] = guild
        return guild

    def _id_in_turn(self) -> int:
        """An id of the next shard's turn: servers made one after the other are spread over all shards."""
        id, turn = self.births.next(), len(self.guilds)
        return id + (((turn - (id >> 22)) % self.shards) << 22)

    def add_channel(self, guild: Guild | None, name: str, kind: Kind, **traits: Any) -> Channel:
        channel = Channel(id=self.births.next(), kind=kind, name=name, guild=guild, **traits)
        self.channels[channel.id] = channel
        if guild is not None:
            guild.channels[channel.id] = channel
        return channel

    def dm(self, person: User) -> Channel:
        """The private chat between this person and the bot, opened where there is none."""
        for channel in self.channels.values():
            if channel.kind is Kind.DM and person in channel.recipients:
                return channel
        return self.add_channel(None, "", Kind.DM, recipients=[person, self.bot])

    def add_file(self, filename: str, content: bytes, *, folder: str = "attachments", **traits: Any) -> Attachment:
        """A file on the CDN under a signed link that expires."""
        id = self.births.next()
        filename = filename.replace(" ", "_")
        expires = f"{int(time.time()) + LINK_LIFE_S:x}"
        signed = f"ex={expires}&is=0&hm={self.signature(id, expires)}"
        url = f"{self.cdn_base}/{folder}/{self.bot.id}/{id}/{filename}?{signed}"
        kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
        width, height = _picture_size(content)
        file = Attachment(id, filename, content, kind, url, width=width, height=height, **traits)
        file.spoiler = file.spoiler or filename.startswith("SPOILER_")
        self.attachments[id] = file
        return file

    def signature(self, id: int, expires: str) -> str:
        return hashlib.sha256(f"{self.token} {id} {expires}".encode()).hexdigest()

    # -- looking up: what is not there is refused as Discord does --------------------------------------------------

    def user(self, id: int) -> User:
        if id == self.bot.id:
            return self.bot
        if id not in self.people:
            raise refusal(10013)
        return self.people[id]

    def guild(self, id: int) -> Guild:
        if id not in self.guilds:
            raise refusal(10004)
        if self.bot.id not in self.guilds[id].members:
            raise refusal(50001)
        return self.guilds[id]

    def channel(self, id: int) -> Channel:
        channel = self.channels.get(id)
        if channel is None or channel.deleted:
            raise refusal(10003)
        return channel

    def message(self, channel: Channel, id: int) -> Message:
        """Nobody but its member ever meets an ephemeral message here: to this lookup it does not exist."""
        message = channel.messages.get(id)
        if message is None or message.deleted or message.only_for is not None:
            raise refusal(10008)
        return message

    def shard_of(self, guild: Guild | None, shards: int) -> int:
        return 0 if guild is None else (guild.id >> 22) % shards

    # -- waiting ---------------------------------------------------------------------------------------------------

    def touch(self) -> None:
        """Something changed: whoever waits looks again."""
        for event in self._woken:
            event.set()

    async def until(self, look: Callable[[], T | None], *, within_s: float) -> T:
        """The first true answer of `look`, asked again after every change.

        And now and then without one: what the bot makes of an event, the stand-in does not hear.
        """
        event = asyncio.Event()
        self._woken.add(event)
        try:
            async with asyncio.timeout(within_s):
                while not (answer := look()):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(event.wait(), LOOK_AGAIN_S)
                    event.clear()
            return answer
        finally:
            self._woken.discard(event)


def _picture_size(content: bytes) -> tuple[int | None, int | None]:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return picture.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None, None
