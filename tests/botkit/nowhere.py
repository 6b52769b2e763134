"""A bot that has a token and reaches nobody: what a test of the process itself runs."""

from __future__ import annotations

TOKENS = {"FLIPBOOK_DISCORD_TOKEN": "", "FLIPBOOK_TELEGRAM_TOKEN": "7:token-of-nobody-at-all"}
"""For its environment."""
TELEGRAM = "\n[telegram]\nbase_url = 'http://127.0.0.1:9/bot'\nbase_file_url = 'http://127.0.0.1:9/file/bot'\n"
"""For its configuration: nothing listens there."""
