"""What a bot asks for before it connects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatkit.discord import payloads
from chatkit.discord.routes.table import route

if TYPE_CHECKING:
    from chatkit.discord.calls import Call


@route("GET", "/users/@me")
def own_user(call: Call) -> tuple[int, Any]:
    return 200, payloads.own_user(call.world.bot)


@route("GET", "/users/{user_id}")
def user(call: Call) -> tuple[int, Any]:
    return 200, payloads.user(call.world.user(call.id("user_id")))


@route("GET", "/gateway")
def gateway(call: Call) -> tuple[int, Any]:
    return 200, {"url": call.world.gateway_url}


@route("GET", "/gateway/bot")
def gateway_bot(call: Call) -> tuple[int, Any]:
    limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 16}
    return 200, {"url": call.world.gateway_url, "shards": call.world.shards, "session_start_limit": limit}


@route("GET", "/oauth2/applications/@me")
@route("GET", "/applications/@me")
def application(call: Call) -> tuple[int, Any]:
    bot = call.world.bot
    return 200, {
        "id": str(bot.id),
        "name": bot.name,
        "icon": None,
        "description": "",
        "type": None,
        "verify_key": "0" * 64,
        "flags": 0,
        "flags_new": "0",
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": payloads.user(call.world.operator),
        "approximate_guild_count": len(call.world.guilds),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
        "bot_public": True,
        "bot_require_code_grant": False,
        "bot": payloads.user(bot),
    }
