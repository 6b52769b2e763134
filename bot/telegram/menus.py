"""The commands as Telegram's own menu shows them: per language, in private chats and in groups."""

from __future__ import annotations

import logging
from functools import partial

from telegram import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.telegram.budget import Priority
from bot.telegram.repeat import repeated
from bot.wording import LANGUAGES, en

IN_GROUPS = ("animate", "queue", "quota", "history", "cancel", "help", "privacy")
IN_PRIVATE = (*IN_GROUPS, "link")

log = logging.getLogger(__name__)


async def set_menus(bot: ExtBot[Priority]) -> None:
    """A failure is logged and tried at the next start: the commands work without a menu."""
    scopes = ((BotCommandScopeAllPrivateChats(), IN_PRIVATE), (BotCommandScopeAllGroupChats(), IN_GROUPS))
    try:
        for scope, names in scopes:
            # English is what everybody sees whose language is none of ours.
            for language, words in [
                ("", en.TABLE),
                *((code, words) for code, words in LANGUAGES.items() if code != "en"),
            ]:
                commands = [BotCommand(name, words.telegram.commands[name]) for name in names]
                await repeated(partial(bot.set_my_commands, commands, scope=scope, language_code=language))
    except TelegramError as exc:
        log.warning("the menu of commands was not set", extra={"kind": type(exc).__name__})
