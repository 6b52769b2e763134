"""Discord, behind the `Chat` port: commands, forms, buttons and reactions in; messages and films out."""

from __future__ import annotations

from pydantic import SecretStr

from bot.desk import Desk
from bot.discord.adapter import DiscordAdapter
from storage.settings import Settings


def build(desk: Desk, settings: Settings, token: SecretStr) -> DiscordAdapter:
    """What `bot.platforms` asks of every adapter."""
    return DiscordAdapter(desk, settings, token)
