"""Every sentence a member reads. Pure; a language is one file with one `Table`."""

from __future__ import annotations

from bot.wording import en, it
from bot.wording.table import Table

LANGUAGES: dict[str, Table] = {"en": en.TABLE, "it": it.TABLE}
"""By ISO 639-1 code."""


def table(locale: str) -> Table:
    """The language of a member's locale ("it", "it-IT", "it_CH"), English where Flipbook does not speak it."""
    return LANGUAGES.get(locale.replace("_", "-").partition("-")[0].lower(), en.TABLE)
