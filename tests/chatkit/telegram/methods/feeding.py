"""getUpdates and webhooks."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chatkit.telegram.feed import Webhook
from chatkit.telegram.refusals import broken_rule

if TYPE_CHECKING:
    from chatkit.telegram.model import Call, Json
    from chatkit.telegram.world import World


async def get_updates(world: World, call: Call) -> list[Json]:
    limit = 100 if call.get("limit") is None else call.params["limit"]
    if not 1 <= limit <= 100:
        raise broken_rule("limit must be 1 to 100")
    return await world.feed.poll(
        offset=call.get("offset") or 0,
        limit=limit,
        timeout_s=min(call.get("timeout") or 0, 50),
        allowed=call.get("allowed_updates"),
    )


def set_webhook(world: World, call: Call) -> bool:
    url = call.params["url"]
    if url:
        _check_address(url)
    webhook = Webhook(url, call.get("secret_token") or "", call.get("max_connections") or 40) if url else None
    drop = bool(call.get("drop_pending_updates"))
    world.feed.set_webhook(webhook, allowed=call.get("allowed_updates"), drop=drop)
    return True


def delete_webhook(world: World, call: Call) -> bool:
    world.feed.set_webhook(None, allowed=None, drop=bool(call.get("drop_pending_updates")))
    return True


def get_webhook_info(world: World, call: Call) -> Json:
    webhook = world.feed.webhook
    info: Json = {"url": webhook.url if webhook else "", "has_custom_certificate": False}
    info["pending_update_count"] = len(world.feed.pending)
    if webhook:
        info["max_connections"] = webhook.max_connections
    if world.feed.webhook_error:
        info |= {"last_error_date": world.date(), "last_error_message": world.feed.webhook_error}
    return info | ({"allowed_updates": sorted(world.feed.allowed)} if world.feed.allowed else {})


def close_or_log_out(world: World, call: Call) -> bool:
    return True


def _check_address(url: str) -> None:
    """HTTPS, as Telegram wants it; on loopback, where tests listen, HTTP will do."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return
    try:
        loopback = ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = parts.hostname == "localhost"
    if parts.scheme != "http" or not loopback:
        raise broken_rule("bad webhook: an HTTPS URL must be provided for webhook")


METHODS = {
    "getUpdates": get_updates,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
    "close": close_or_log_out,
    "logOut": close_or_log_out,
}
