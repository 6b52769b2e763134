"""Members as a test scripts them: they do what the app lets them do, and see what the app shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatkit.discord import interactions, messages, payloads, permissions
from chatkit.discord.intents import Intent
from chatkit.discord.interactions import CannotDo
from chatkit.discord.messages import Upload
from chatkit.discord.model import Attachment, Channel, Guild, Interaction, Json, Member, Message, Role, User, walk
from chatkit.discord.permissions import Allow

if TYPE_CHECKING:
    from chatkit.discord.cdn import Mischief
    from chatkit.discord.world import World

SELECTS = (3, 5, 6, 7, 8)
ROW, TEXT_INPUT, LABEL, FILE_UPLOAD = 1, 4, 18, 19


@dataclass(frozen=True, slots=True)
class File:
    """Something to upload.

    declared_bytes, content_type: what Discord tells the bot, where that shall be a lie.
    """

    filename: str
    content: bytes
    declared_bytes: int | None = None
    content_type: str | None = None
    mischief: Mischief | None = None
    """How its download goes wrong."""


@dataclass(frozen=True, slots=True)
class Person:
    """One human. Every method tells the bot at once; what the bot makes of it comes later (`kit.until`)."""

    world: World
    user: User

    @property
    def id(self) -> int:
        return self.user.id

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def mention(self) -> str:
        return self.user.mention

    # -- seeing ----------------------------------------------------------------------------------------------------

    def reads(self, channel: Channel) -> list[Message]:
        """The messages that this person sees in the channel, oldest first."""
        if not self._may(channel, Allow.VIEW_CHANNEL):
            return []
        shown = (m for m in channel.messages.values() if m.only_for in (None, self.user))
        return sorted(shown, key=lambda message: message.id)

    def dm(self) -> Channel:
        """The private chat with the bot."""
        return self.world.dm(self.user)

    # -- messages --------------------------------------------------------------------------------------------------

    def say(self, channel: Channel, content: str = "", *files: File, reply_to: Message | None = None) -> Message:
        self._need(channel, Allow.SEND_MESSAGES_IN_THREADS if channel.is_thread else Allow.SEND_MESSAGES)
        if channel.locked:
            self._need(channel, Allow.MANAGE_THREADS)
        messages.wake(self.world, channel)
        uploads = {f"files[{n}]": Upload(file.filename, file.content) for n, file in enumerate(files)}
        body = {"content": content}
        message = messages.create(self.world, channel, self.user, body, uploads, reply_to=reply_to)
        for file, attachment in zip(files, message.attachments, strict=True):
            _lie(attachment, file)
        return message

    def edit(self, message: Message, content: str) -> None:
        """Change one's own words."""
        if message.author is not self.user:
            raise CannotDo("one edits one's own messages")
        message.content, message.edited_s = content, self.world.births.now_s()
        messages.announce(self.world, "MESSAGE_UPDATE", message)

    def delete(self, message: Message) -> None:
        if message.author is not self.user and message.only_for is not self.user:
            self._need(message.channel, Allow.MANAGE_MESSAGES)
        messages.delete(self.world, message)

    def react(self, message: Message, emoji: str) -> None:
        self._need(message.channel, Allow.READ_MESSAGE_HISTORY)
        if message.only_for is not None:
            raise CannotDo("nobody reacts to an ephemeral message")
        self._awake(message.channel)
        if emoji not in message.reactions:
            self._need(message.channel, Allow.ADD_REACTIONS)
        messages.react(self.world, message, self.user, emoji)

    def unreact(self, message: Message, emoji: str) -> None:
        messages.unreact(self.world, message, self.user, emoji)

    # -- interactions ----------------------------------------------------------------------------------------------

    def slash(self, channel: Channel, name: str, **options: Any) -> Interaction:
        """`mia.slash(room, "animate", image=File("fox.png", png), prompt="…", seconds=5)`.

        Only a command that the bot has registered can be used, by its name in the member's language, and only with
        values that the app takes. A `File` is uploaded first.
        """
        return self._command(channel, name, options, kind=interactions.COMMAND)

    def suggest(self, channel: Channel, name: str, option: str, text: str, **options: Any) -> Interaction:
        """Type into an option that completes itself: the answer's `choices`."""
        return self._command(channel, name, {**options, option: text}, kind=interactions.AUTOCOMPLETE, focus=option)

    def menu(self, message: Message, name: str) -> Interaction:
        """A command from the context menu of a message."""
        self._see(message)
        self._need(message.channel, Allow.USE_APPLICATION_COMMANDS)
        command, _, _ = interactions.find_command(self.world, 3, name, message.channel, self.user.locale)
        target = payloads.message(message, self.world.bot)
        data = {
            "id": str(command.id),
            "name": command.name,
            "type": 3,
            "target_id": str(message.id),
            "resolved": {"messages": {str(message.id): target}},
        }
        return self._begin(interactions.COMMAND, message.channel, data, command=command)

    def click(self, message: Message, label_or_id: str) -> Interaction:
        """Press a button, found by its label, emoji or custom_id."""
        self._see(message)
        button = message.button(label_or_id)
        if button.get("disabled") or not button.get("custom_id"):
            raise CannotDo(f"button {label_or_id!r} cannot be pressed")
        return self.press(message, button["custom_id"])

    def press(self, message: Message, custom_id: str) -> Interaction:
        """Send a press of any custom_id: also one that no button has, as a forged client would."""
        data = {"custom_id": custom_id, "component_type": 2}
        return self._begin(interactions.COMPONENT, message.channel, data, message=message)

    def choose(self, message: Message, custom_id: str, *values: str) -> Interaction:
        """Pick from a select menu by the options' labels or values."""
        self._see(message)
        menu = next((p for p in walk(message.components) if p.get("custom_id") == custom_id), None)
        if menu is None or menu["type"] not in SELECTS or menu.get("disabled"):
            raise CannotDo(f"no menu {custom_id!r} to choose from")
        data = {"custom_id": custom_id, "component_type": menu["type"], "values": _picked(menu, values)}
        return self._begin(interactions.COMPONENT, message.channel, data, message=message)

    def submit(self, opened: Interaction, **values: Any) -> Interaction:
        """Fill in the modal that this interaction opened.

        Fields are named by their label or custom_id; what is not named stays as the modal had it.
        """
        if opened.modal is None:
            raise CannotDo("no modal was opened")
        if opened.user is not self.user:
            raise CannotDo("somebody else's modal")
        parts = walk(opened.modal["components"])
        if unknown := values.keys() - {part.get(key) for part in parts for key in ("label", "custom_id")}:
            raise CannotDo(f"the modal has no fields {sorted(unknown)}")
        resolved: Json = {}
        parts = [self._filled(part, values, resolved, "") for part in opened.modal["components"]]
        data: Json = {"custom_id": opened.modal["custom_id"], "components": parts}
        if resolved:
            data["resolved"] = resolved
        return self._begin(interactions.MODAL_SUBMIT, opened.channel, data, message=opened.message)

    # -- coming and going ------------------------------------------------------------------------------------------

    def join(self, guild: Guild, *roles: Role) -> None:
        if self.id in guild.members:
            return
        guild.members[self.id] = Member(self.user, list(roles))
        data = {**payloads.member(guild.members[self.id]), "guild_id": str(guild.id)}
        self.world.emit("GUILD_MEMBER_ADD", data, intent=Intent.GUILD_MEMBERS, guild=guild)

    def leave(self, guild: Guild) -> None:
        del guild.members[self.id]
        data = {"guild_id": str(guild.id), "user": payloads.user(self.user)}
        self.world.emit("GUILD_MEMBER_REMOVE", data, intent=Intent.GUILD_MEMBERS, guild=guild)
        self.world.touch()

    def upload(self, file: File) -> Attachment:
        """A file as an option of a command: on the CDN before the bot hears of it."""
        attachment = self.world.add_file(file.filename, file.content, folder="ephemeral-attachments", ephemeral=True)
        return _lie(attachment, file)

    def _command(
        self, channel: Channel, name: str, options: dict[str, Any], *, kind: int, focus: str | None = None
    ) -> Interaction:
        self._need(channel, Allow.USE_APPLICATION_COMMANDS)
        self._awake(channel)
        command, known, path = interactions.find_command(self.world, 1, name, channel, self.user.locale)
        self._check_rights(command.body, channel)
        given = {key: self.upload(value) if isinstance(value, File) else value for key, value in options.items()}
        filled, resolved = interactions.fill(self.world, known, given, self.user.locale, partial=focus is not None)
        for option in filled:
            if option["name"] == focus:
                option["focused"] = True
        data: Json = {
            "id": str(command.id),
            "name": command.name,
            "type": 1,
            "options": interactions.nested(path, filled),
        }
        if resolved:
            data["resolved"] = resolved
        if command.guild is not None:
            data["guild_id"] = str(command.guild.id)
        return self._begin(kind, channel, data, command=command)

    def _awake(self, channel: Channel) -> None:
        if channel.archived:
            raise CannotDo(f"{channel.name} is archived")

    def _check_rights(self, body: Json, channel: Channel) -> None:
        """`default_member_permissions`: who lacks them is not offered the command."""
        needed = body.get("default_member_permissions")
        if needed is not None and channel.guild is not None:
            held = permissions.in_channel(channel, self.user)
            if held & int(needed) != int(needed) or (int(needed) == 0 and not held & Allow.ADMINISTRATOR):
                raise CannotDo(f"{self.name} is not offered /{body['name']}")

    def _filled(self, part: Json, values: dict[str, Any], resolved: Json, label: str) -> Json:
        """A modal's component with what was typed into it."""
        body: Json = {"type": part["type"], "id": part.get("id") or 1}
        label = part.get("label") or label
        if part["type"] == ROW:
            return body | {"components": [self._filled(p, values, resolved, label) for p in part["components"]]}
        if part["type"] == LABEL:
            return body | {"component": self._filled(part["component"], values, resolved, label)}
        if "custom_id" not in part:
            return body
        body["custom_id"] = part["custom_id"]
        name = label if label in values else part["custom_id"]
        if part["type"] in SELECTS:
            before = [option["value"] for option in part.get("options") or [] if option.get("default")]
            wanted = values.get(name, before)
            return body | {"values": _picked(part, [wanted] if isinstance(wanted, str) else wanted)}
        if part["type"] == FILE_UPLOAD:
            files = [self.upload(file) for file in values.get(name, [])]
            resolved.setdefault("attachments", {}).update({str(f.id): payloads.attachment(f) for f in files})
            return body | {"values": [str(file.id) for file in files]}
        if part["type"] == TEXT_INPUT:
            return body | {"value": _typed(part, values.get(name, part.get("value") or ""))}
        return body | {"value": values.get(name)}

    def _begin(self, kind: int, channel: Channel, data: Json, **more: Any) -> Interaction:
        if channel.guild is not None and self.id not in channel.guild.members:
            raise CannotDo(f"{self.name} is no member of {channel.guild.name}")
        return interactions.begin(self.world, kind, self.user, channel, data, **more)

    def _see(self, message: Message) -> None:
        if message.deleted or message not in self.reads(message.channel):
            raise CannotDo(f"{self.name} does not see this message")

    def _may(self, channel: Channel, right: Allow) -> bool:
        return permissions.may(channel, self.user, Allow.VIEW_CHANNEL | right)

    def _need(self, channel: Channel, right: Allow) -> None:
        if not self._may(channel, right):
            raise CannotDo(f"{self.name} has no {right.name} in {channel.name or 'this chat'}")


def _lie(attachment: Attachment, file: File) -> Attachment:
    attachment.declared_bytes = file.declared_bytes
    attachment.content_type = file.content_type or attachment.content_type
    attachment.mischief = file.mischief
    return attachment


def _picked(menu: Json, wanted: Any) -> list[str]:
    """Labels or values as values, checked against what the menu offers."""
    offered = {option["label"]: option["value"] for option in menu.get("options") or []}
    values = [offered.get(value, value) for value in wanted]
    if menu["type"] == 3 and not set(values) <= set(offered.values()):
        raise CannotDo(f"{wanted} is not offered; there are {sorted(offered)}")
    low, high = menu.get("min_values", 1), menu.get("max_values", 1)
    if not low <= len(values) <= high and not (not values and menu.get("required") is False):
        raise CannotDo(f"{len(values)} chosen, {low} to {high} can be")
    return values


def _typed(field: Json, text: str) -> str:
    """A text as the app lets it be typed into this field."""
    low, high = field.get("min_length") or 0, field.get("max_length") or 4000
    if not text and field.get("required", True):
        raise CannotDo(f"{field['custom_id']} must be filled in")
    if text and not low <= len(text) <= high:
        raise CannotDo(f"{field['custom_id']} takes {low} to {high} characters")
    return text
