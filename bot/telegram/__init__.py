"""Telegram, behind the `Chat` port: commands, pictures, buttons and reactions in; messages and films out."""

from __future__ import annotations

from pydantic import SecretStr

from bot.desk import Desk
from bot.telegram.adapter import TelegramAdapter
from storage.settings import Settings


def build(desk: Desk, settings: Settings, token: SecretStr) -> TelegramAdapter:
    """What `bot.platforms` asks of every adapter."""
    return TelegramAdapter(desk, settings, token)
