"""Interactions as Discord hands them to the bot."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from chatkit.discord import payloads, permissions
from chatkit.discord.command_limits import takes_file
from chatkit.discord.model import UPLOAD_BYTES_MAX, Channel, Interaction, Json, Message, User

if TYPE_CHECKING:
    from chatkit.discord.model import Command
    from chatkit.discord.world import World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
STRING, INTEGER, BOOLEAN, NUMBER = 3, 4, 5, 10


class CannotDo(AssertionError):
    """Nobody could do this in the app: no such command, a disabled button, a choice that is not offered …"""


def begin(
    world: World,
    kind: int,
    user: User,
    channel: Channel,
    data: Json,
    *,
    command: Command | None = None,
    message: Message | None = None,
) -> Interaction:
    """Make an interaction and tell the bot."""
    interaction = Interaction(
        id=world.births.next(),
        type=kind,
        token=secrets.token_urlsafe(48),
        user=user,
        channel=channel,
        data=data,
        command=command,
        message=message,
        born_s=world.births.now_s(),
    )
    world.interactions[interaction.token] = interaction
    world.emit("INTERACTION_CREATE", payload(world, interaction), intent=None, guild=channel.guild, channel=channel)
    world.touch()
    return interaction


def payload(world: World, interaction: Interaction) -> Json:
    channel, user = interaction.channel, interaction.user
    body: Json = {
        "id": str(interaction.id),
        "application_id": str(world.bot.id),
        "type": interaction.type,
        "token": interaction.token,
        "version": 1,
        "data": interaction.data,
        "channel_id": str(channel.id),
        "channel": payloads.channel(channel) | {"permissions": str(permissions.in_channel(channel, user))},
        "locale": user.locale,
        "app_permissions": str(permissions.in_channel(channel, world.bot)),
        "authorizing_integration_owners": payloads.owners(channel),
        "context": 0 if channel.guild else 1,
        "entitlements": [],
        "attachment_size_limit": channel.guild.upload_bytes_max if channel.guild else UPLOAD_BYTES_MAX[0],
    }
    if channel.guild is None:
        body["user"] = payloads.user(user)
    else:
        member = payloads.member(channel.guild.members[user.id])
        body["member"] = member | {"permissions": str(permissions.in_channel(channel, user))}
        body["guild_id"] = str(channel.guild.id)
        body["guild"] = {"id": str(channel.guild.id), "locale": channel.guild.locale, "features": []}
        body["guild_locale"] = channel.guild.locale
    if interaction.message is not None:
        body["message"] = payloads.message(interaction.message, world.bot)
    return body


def find_command(
    world: World, kind: int, name: str, channel: Channel, locale: str
) -> tuple[Command, list[Json], list[str]]:
    """`"flipbook pause"` as the command, the options of its innermost subcommand and the subcommands on the way.

    Names are those that the member sees: in their own language where the bot has one.
    """
    words = name.split() if kind == 1 else [name]
    for command in world.commands.values():
        here = command.guild is None or command.guild is channel.guild
        if command.type != kind or not here or words[0] not in _names(command.body, locale):
            continue
        _check_context(command, channel)
        options, path = command.body.get("options") or [], []
        for word in words[1:]:
            inner = next((option for option in options if word in _names(option, locale)), None)
            if inner is None:
                raise CannotDo(f"/{name}: no {word}")
            path.append(inner["name"])
            options = inner.get("options") or []
        return command, options, path
    known = sorted(command.name for command in world.commands.values())
    raise CannotDo(f"no command {name!r} here; there are {known}")


def fill(
    world: World, options: list[Json], given: dict[str, Any], locale: str, *, partial: bool = False
) -> tuple[list[Json], Json]:
    """Options with the values that a member typed, and what they resolve to. CannotDo where the app would not send."""
    filled: list[Json] = []
    resolved: Json = {}
    given = dict(given)
    for option in options:
        key = next((name for name in _names(option, locale) if name in given), None)
        if key is None:
            if option.get("required") and not partial:
                raise CannotDo(f"option {option['name']!r} is required")
            continue
        value = _value(world, option, given.pop(key), resolved)
        filled.append({"name": option["name"], "type": option["type"], "value": value})
    if given:
        raise CannotDo(f"no options {sorted(given)}; there are {[option['name'] for option in options]}")
    return filled, resolved


def nested(path: list[str], options: list[Json]) -> list[Json]:
    """The options below their subcommands."""
    for depth, name in enumerate(reversed(path)):
        options = [{"name": name, "type": 1 if depth == 0 else 2, "options": options}]
    return options


def _names(entry: Json, locale: str) -> set[str]:
    return {entry["name"], (entry.get("name_localizations") or {}).get(locale, entry["name"])}


def _check_context(command: Command, channel: Channel) -> None:
    contexts, in_dm = command.body.get("contexts"), channel.guild is None
    if contexts:
        allowed = (1 if in_dm else 0) in contexts
    else:
        allowed = not in_dm or command.body.get("dm_permission") is not False
    if not allowed:
        raise CannotDo(f"{command.name!r} is not offered here")


def _value(world: World, option: Json, value: Any, resolved: Json) -> Any:
    """One option's value as it is sent, checked as the app checks it."""
    kind = option["type"]
    if option.get("choices"):
        return _choice(option, value)
    match kind:
        case 6:
            return _resolve(resolved, "users", value.id, payloads.user(world.user(value.id)))
        case 7:
            return _resolve(resolved, "channels", value.id, payloads.channel(value) | {"permissions": "0"})
        case 8:
            return _resolve(resolved, "roles", value.id, payloads.role(value))
        case 11:
            if not takes_file(option, value.filename):
                raise CannotDo(f"option {option['name']!r}: {value.filename!r} is not among {option['file_types']}")
            return _resolve(resolved, "attachments", value.id, payloads.attachment(value))
    _check_plain(option, value)
    return value


def _choice(option: Json, value: Any) -> Any:
    """A member picks what is shown; the choice's value is what is sent."""
    for choice in option["choices"]:
        if value in (choice["name"], choice["value"], *(choice.get("name_localizations") or {}).values()):
            return choice["value"]
    raise CannotDo(f"option {option['name']!r}: {value!r} is no choice")


def _resolve(resolved: Json, kind: str, id: int, body: Json) -> str:
    resolved.setdefault(kind, {})[str(id)] = body
    return str(id)


def _check_plain(option: Json, value: Any) -> None:
    """Text, numbers and switches, as the app lets them be typed."""
    kind, name = option["type"], option["name"]
    if kind == STRING:
        _check_between(name, len(value), option.get("min_length"), option.get("max_length") or 6000)
    elif kind == BOOLEAN and not isinstance(value, bool):
        raise CannotDo(f"option {name!r}: {value!r} is neither true nor false")
    elif kind == INTEGER and (not isinstance(value, int) or isinstance(value, bool)):
        raise CannotDo(f"option {name!r}: {value!r} is no whole number")
    elif kind in (INTEGER, NUMBER):
        _check_between(name, value, option.get("min_value"), option.get("max_value"))


def _check_between(name: str, value: float, low: float | None, high: float | None) -> None:
    if (low is not None and value < low) or (high is not None and value > high):
        raise CannotDo(f"option {name!r}: {value} is not between {low} and {high}")
