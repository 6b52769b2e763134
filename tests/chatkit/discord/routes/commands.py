"""Application commands: what `CommandTree.sync` talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatkit.discord import payloads
from chatkit.discord.command_limits import command_faults, set_faults
from chatkit.discord.errors import bad_form, refusal
from chatkit.discord.model import Command
from chatkit.discord.routes.table import NO_CONTENT, route

if TYPE_CHECKING:
    from chatkit.discord.calls import Call
    from chatkit.discord.model import Guild, Json

GLOBAL = "/applications/{application_id}/commands"
OF_GUILD = "/applications/{application_id}/guilds/{guild_id}/commands"
CREATES_PER_DAY_MAX = 200


@route("GET", GLOBAL)
@route("GET", OF_GUILD)
def commands(call: Call) -> tuple[int, Any]:
    return 200, [payloads.command(command, call.world.bot.id) for command in _of(call)]


@route("PUT", GLOBAL)
@route("PUT", OF_GUILD)
def replace(call: Call) -> tuple[int, Any]:
    """The whole set at once. A command that was there under its name keeps its id."""
    bodies: list[Json] = call.body or []
    _refuse(call, [*set_faults(bodies), *(fault for body in bodies for fault in command_faults(body))])
    before = {(command.type, command.name): command for command in _of(call)}
    for command in before.values():
        del call.world.commands[command.id]
    made = [_store(call, body, before.get((body.get("type") or 1, body["name"]))) for body in bodies]
    return 200, [payloads.command(command, call.world.bot.id) for command in made]


@route("POST", GLOBAL)
@route("POST", OF_GUILD)
def upsert(call: Call) -> tuple[int, Any]:
    _refuse(call, command_faults(call.body))
    key = (call.body.get("type") or 1, call.body["name"])
    before = next((command for command in _of(call) if (command.type, command.name) == key), None)
    others = [command.body for command in _of(call) if command is not before]
    _refuse(call, set_faults([*others, call.body]))
    made = _store(call, call.body, before)
    return 200 if before else 201, payloads.command(made, call.world.bot.id)


@route("DELETE", GLOBAL + "/{command_id}")
@route("DELETE", OF_GUILD + "/{command_id}")
def delete(call: Call) -> tuple[int, Any]:
    command = call.world.commands.get(call.id("command_id"))
    if command is None or command.guild is not _guild(call):
        raise refusal(10063)
    del call.world.commands[command.id]
    return NO_CONTENT


def _guild(call: Call) -> Guild | None:
    return call.world.guild(call.id("guild_id")) if "guild_id" in call.params else None


def _of(call: Call) -> list[Command]:
    if call.id("application_id") != call.world.bot.id:
        raise refusal(50001)
    guild = _guild(call)
    return [command for command in call.world.commands.values() if command.guild is guild]


def _store(call: Call, body: Json, before: Command | None) -> Command:
    if before is None:
        call.world.command_creates += 1
        if call.world.command_creates > CREATES_PER_DAY_MAX:
            call.world.problems.add(f"more than {CREATES_PER_DAY_MAX} commands made in a day")
    version = call.world.births.next()
    command = Command(before.id if before else version, _guild(call), body, version)
    call.world.commands[command.id] = command
    return command


def _refuse(call: Call, faults: list[str]) -> None:
    if faults:
        call.world.problems.add(*faults)
        raise bad_form(*faults)
