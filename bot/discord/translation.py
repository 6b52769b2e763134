"""Names and descriptions of the commands in the languages that Flipbook speaks. A language is one file of wording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import discord
from discord import app_commands
from discord.app_commands import locale_str

from bot.wording import LANGUAGES, en, table
from bot.wording.table import Table

KEY = "key"


def said(key: str) -> locale_str:
    """The English words at a dotted place of the table, ready to be translated: said("discord.animate.name")."""
    return locale_str(_at(en.TABLE, key), **{KEY: key})


class WordingTranslator(app_commands.Translator):
    """Looks the key up in the table of the locale."""

    async def translate(
        self, string: locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        key = string.extras.get(KEY)
        language = locale.value.partition("-")[0]
        if key is None or language == "en" or language not in LANGUAGES:
            return None
        return _at(table(locale.value), key)


def _at(words: Table, key: str) -> str:
    found: object = words
    for part in key.split("."):
        found = cast(Mapping[str, object], found)[part] if isinstance(found, Mapping) else getattr(found, part)
    assert isinstance(found, str)
    return found
