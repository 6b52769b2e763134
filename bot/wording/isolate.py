"""Members' words beside the bot's own: a script that runs the other way must not move what stands around it."""

from __future__ import annotations

import unicodedata

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"

_OTHER_WAY = frozenset({"R", "AL", "AN"})
"""Bidirectional classes of Hebrew and Arabic letters and digits. Source: Unicode Standard Annex 9, table 4."""
_CONTROLS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Embeddings, overrides and isolates: an open one would reach beyond the words."""


def isolated(text: str) -> str:
    """The same words as an island of their own. Words of one direction alone need none and stay as they are."""
    text = text.translate(_CONTROLS)
    if all(unicodedata.bidirectional(char) not in _OTHER_WAY for char in text):
        return text
    return f"{FIRST_STRONG_ISOLATE}{text}{POP_ISOLATE}"
