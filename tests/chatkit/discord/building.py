"""What a test arranges: servers, rooms, members and their rights. The bot is told of each change as Discord would."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chatkit.discord import payloads, permissions
from chatkit.discord.intents import Intent
from chatkit.discord.model import (
    UPLOAD_BYTES_MAX,
    Channel,
    Guild,
    Interaction,
    Json,
    Kind,
    Member,
    Message,
    Overwrite,
    Role,
)
from chatkit.discord.people import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatkit.discord.world import World


class Building:
    def __init__(self, world: World) -> None:
        self.world = world
        self.operator = Person(world, world.operator)
        """Owns every server unless a test says otherwise: may do everything there."""

    # -- servers and people ----------------------------------------------------------------------------------------

    def person(self, name: str, *guilds: Guild, locale: str = "en-US", bot: bool = False) -> Person:
        """A new human (or another bot), member of these servers."""
        person = Person(self.world, self.world.add_person(name, locale=locale, bot=bot))
        for guild in guilds:
            person.join(guild)
        return person

    def guild(self, name: str, *, tier: int = 0, owner: Person | None = None, locale: str = "en-US") -> Guild:
        """A new server with the bot in it. tier: 0 to 3, its boosts."""
        guild = self.world.add_guild(name, (owner or self.operator).user, tier=tier)
        guild.locale = locale
        self.world.emit("GUILD_CREATE", payloads.guild(guild, self.world.bot), intent=Intent.GUILDS, guild=guild)
        return guild

    def boost(self, guild: Guild, tier: int) -> None:
        """The server's tier changes, and with it what it takes."""
        guild.tier = tier
        guild.upload_bytes_max = UPLOAD_BYTES_MAX[tier]
        self.world.emit("GUILD_UPDATE", payloads.guild(guild, self.world.bot), intent=Intent.GUILDS, guild=guild)

    def remove_bot(self, guild: Guild) -> None:
        """The bot is thrown out of the server."""
        self.world.emit("GUILD_DELETE", {"id": str(guild.id)}, intent=Intent.GUILDS, guild=guild)
        del guild.members[self.world.bot.id]
        self.world.touch()

    def invite_bot(self, guild: Guild) -> None:
        guild.members[self.world.bot.id] = Member(self.world.bot)
        self.world.emit("GUILD_CREATE", payloads.guild(guild, self.world.bot), intent=Intent.GUILDS, guild=guild)

    # -- rooms -----------------------------------------------------------------------------------------------------

    def text(self, guild: Guild, name: str) -> Channel:
        return self._channel(guild, name, Kind.TEXT)

    def forum(self, guild: Guild, name: str, *, tag_required: bool = False, media: bool = False) -> Channel:
        """A room that takes posts only."""
        return self._channel(guild, name, Kind.MEDIA if media else Kind.FORUM, tag_required=tag_required)

    def thread(self, parent: Channel, name: str) -> Channel:
        """A thread of a text channel, or a post of a forum."""
        return self._channel(parent.guild, name, Kind.THREAD, parent=parent)

    def archive(self, thread: Channel, *, locked: bool = False) -> None:
        """By hand, or because nobody wrote for a while: what is in it stands as it is until somebody wakes it."""
        thread.archived, thread.locked = True, locked
        self._changed(thread)

    def lock(self, thread: Channel) -> None:
        """Nobody writes in it any more but those who manage threads."""
        thread.locked = True
        self._changed(thread)

    def unarchive(self, thread: Channel) -> None:
        thread.archived = thread.locked = False
        self._changed(thread)

    def delete_channel(self, channel: Channel) -> None:
        """The channel goes, and its threads or posts with it."""
        for thread in [c for c in self.world.channels.values() if c.parent is channel and not c.deleted]:
            thread.deleted = True
            self._tell(thread, "DELETE")
        channel.deleted = True
        self._tell(channel, "DELETE")

    # -- rights ----------------------------------------------------------------------------------------------------

    def role(self, guild: Guild, name: str, rights: str = "", *people: Person) -> Role:
        """A new role for these members. rights: `"manage_messages manage_guild"`."""
        role = Role(self.world.births.next(), name, permissions.named(rights), position=len(guild.roles))
        guild.roles[role.id] = role
        data = {"guild_id": str(guild.id), "role": payloads.role(role)}
        self.world.emit("GUILD_ROLE_CREATE", data, intent=Intent.GUILDS, guild=guild)
        for person in people:
            self.give(guild, person, role)
        return role

    def give(self, guild: Guild, person: Person | None, *roles: Role) -> None:
        """Roles for a member; None is the bot."""
        member = guild.members[self.world.bot.id if person is None else person.id]
        member.roles += roles
        data = {**payloads.member(member), "guild_id": str(guild.id)}
        # A bot hears of its own roles whatever its intents are.
        intent = None if person is None else Intent.GUILD_MEMBERS
        self.world.emit("GUILD_MEMBER_UPDATE", data, intent=intent, guild=guild)

    def change_role(self, guild: Guild, role: Role, rights: str) -> None:
        role.permissions = permissions.named(rights)
        data = {"guild_id": str(guild.id), "role": payloads.role(role)}
        self.world.emit("GUILD_ROLE_UPDATE", data, intent=Intent.GUILDS, guild=guild)
        self.world.touch()

    def allow(self, channel: Channel, rights: str, who: Person | Role | None = None) -> None:
        """An overwrite that gives rights in a channel; `who` is the bot where nobody is named."""
        overwrite = self._overwrite(channel, who)
        overwrite.allow |= permissions.named(rights)
        overwrite.deny &= ~overwrite.allow
        self._changed(channel)

    def deny(self, channel: Channel, rights: str, who: Person | Role | None = None) -> None:
        """An overwrite that takes rights in a channel; `who` is the bot where nobody is named."""
        overwrite = self._overwrite(channel, who)
        overwrite.deny |= permissions.named(rights)
        overwrite.allow &= ~overwrite.deny
        self._changed(channel)

    # -- age -------------------------------------------------------------------------------------------------------

    def age(self, thing: Message | Interaction, seconds: float) -> None:
        """Make what there is older to the stand-in's eyes. Its id keeps the moment at which it was really made."""
        thing.born_s -= seconds
        self.world.touch()

    @contextmanager
    def long_ago(self, seconds: float) -> Iterator[None]:
        """What is made inside is born that many seconds ago, its id too: the bot sees the age."""
        with self.world.births.back(seconds):
            yield

    def _channel(self, guild: Guild | None, name: str, kind: Kind, **traits: Any) -> Channel:
        channel = self.world.add_channel(guild, name, kind, **traits)
        self._tell(channel, "CREATE")
        return channel

    def _overwrite(self, channel: Channel, who: Person | Role | None) -> Overwrite:
        id = self.world.bot.id if who is None else who.id
        return channel.overwrites.setdefault(id, Overwrite())

    def _changed(self, channel: Channel) -> None:
        self._tell(channel, "UPDATE")

    def _tell(self, channel: Channel, verb: str) -> None:
        """CHANNEL_… or THREAD_…, also of channels that the bot is losing sight of."""
        body: Json = payloads.channel(channel)
        event = f"{'THREAD' if channel.is_thread else 'CHANNEL'}_{verb}"
        self.world.emit(event, body, intent=Intent.GUILDS, guild=channel.guild)
        self.world.touch()
