"""What the bot says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatkit.telegram import limits

if TYPE_CHECKING:
    from chatkit.telegram.model import Call, Json
    from chatkit.telegram.world import World


def set_my_commands(world: World, call: Call) -> bool:
    limits.check_commands(call.params["commands"], call.get("language_code") or "")
    world.commands[_key(world, call)] = call.params["commands"]
    world.touch()
    return True


def get_my_commands(world: World, call: Call) -> list[Json]:
    return world.commands.get(_key(world, call), [])


def delete_my_commands(world: World, call: Call) -> bool:
    world.commands.pop(_key(world, call), None)
    world.touch()
    return True


def set_text(world: World, call: Call) -> bool:
    """Name and descriptions: checked against the document, kept by the record of calls only."""
    return True


def _key(world: World, call: Call) -> tuple[str, str]:
    """Scope and language: `all_group_chats`, `chat:-100`, `chat_member:-100:7`, …"""
    scope = call.get("scope") or {"type": "default"}
    if "chat_id" in scope:
        world.chat(scope["chat_id"])
    parts = [scope["type"], *(str(scope[name]) for name in ("chat_id", "user_id") if name in scope)]
    return ":".join(parts), call.get("language_code") or ""


METHODS = {
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
    "setMyDescription": set_text,
    "setMyShortDescription": set_text,
    "setMyName": set_text,
}
