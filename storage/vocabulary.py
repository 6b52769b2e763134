"""Words of what a model was taught, so that the bot can say before a film is drawn that a wish is beyond it.

A guess by words: the model itself reads sentences. It errs towards silence, where a known word stands beside others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    known: re.Pattern[str]
    """Found in wishes for what was taught."""
    beyond: re.Pattern[str]
    """Found in wishes for something else that uses the same words: “spin left”, “the fox walks to the right”."""
    sideways: re.Pattern[str]
    """Found in wishes for something that goes to a side: a pan where it is the camera, beyond the model otherwise."""
    black: re.Pattern[str]
    """Found in wishes for a film that ends black, which was taught no further than to dark."""

    def understands(self, wish: str) -> bool:
        text = wish.casefold()
        if self.beyond.search(text) or (self.sideways.search(text) and not _CAMERA.search(text)):
            return False
        return bool(self.known.search(text))

    def stays_lit(self, wish: str) -> bool:
        """Whether what it understands of this wish ends in more light than was asked for."""
        return self.understands(wish) and bool(self.black.search(wish.casefold()))


def _any(*parts: str) -> re.Pattern[str]:
    """Any of these, at the beginning of a word; one that ends in a space is a whole word or phrase."""
    ends = (part[:-1] + r"\b" if part.endswith(" ") else part for part in parts)
    return re.compile(rf"\b(?:{'|'.join(ends)})")


_CAMERA = _any("camera ", "view ", "inquadratura ")

CAMERA_AND_LIGHT = Vocabulary(
    known=_any(
        # English: nearer, farther
        "zoom", "closer ", "nearer ", "push(?:es|ing)? in ", "dolly", "approach", "towards", "magnif", "bigger ",
        "enlarg", "close up ", "close-?up ", "away ", "(?:pull|step|go|move)(?:s|ing)? back", "backwards", "back off ",
        "further", "smaller ", "shrink", "widen", "reveal more", "retreat",
        # to the sides
        "pan ", "panning ", "pans ", "left", "right ", "rightwards", "up ", "upwards", "tilt", "rise", "climb", "raise",
        "lift", "look above", "down ", "downwards", "sink", "descend", "lower", "look below", "drop the view", "scroll",
        # darker, lighter
        "fade", "dark", "black ", "night", "light", "dim ", "sun(?:set|rise| sets| rises)", "white ", "bright", "day ",
        "daylight", "daybreak", "dawn",
        # Italian: nearer, farther
        "ingrandi", "avvicina", "vicino ", "carrellata", "primo piano ", "stringi", "più grande ", "entra in ",
        "vai verso ", "allontana", "rimpicciol", "indietro ", "indietreggi", "arretra", "allarga", "più piccol",
        # to the sides
        "sinistra ", "destra ", "panoramica", "scorri", "in alto ", "l'alto ", "in su ", "vai su ", "sali ", "sale ",
        "alza ", "solleva", "in basso ", "il basso ", "in giù ", "vai giù ", "scend", "abbassa",
        # darker, lighter
        "dissol", "sfuma", "buio ", "scur", "oscur", "più scur", "notte ", "nero ", "luce ", "luc[ei] ", "tramont",
        "sera ", "lumin", "illumin", "chiar", "schiar", "più chiar", "giorno ", "sole ", "alba", "bianco ",
    ),
    beyond=_any(
        # English
        "rotat", "spin", "roll", "clockwise", "counterclockwise", "anticlockwise", "sway", "swing", "rock from",
        "back and forth", "puls", "beat", "breath", "throb", "rippl", "wave", "wavy", "wobbl", "undulat", "under water",
        "shak", "earthquake", "trembl", "jitter", "handheld", "drift", "float", "walk", "run(?:s|ning) ", "jump",
        "danc", "fly ", "flies ", "flying ", "smil", "blink", "talk", "speak", "yawn",
        # Italian
        "ruot", "rotazione", "senso ", "oscill", "dondol", "ondeggi", "ondul", "onde ", "batte ", "respir", "increspa",
        "sott'acqua", "trem", "terremoto", "scuot", "vibr", "a mano ", "si sposta ", "scivol", "cammin", "corre ",
        "salta", "balla", "vola", "sorrid", "parla", "sbadigl",
    ),
    sideways=_any("moves to the (?:left|right)", "va a (?:sinistra|destra)"),
    black=_any(
        # English
        "(?:to|into) (?:black|blackness|darkness) ", "(?:goes|turns|entirely) black ", "black(?:s|ing)? ?out ",
        "pitch[ -](?:black|dark)", "(?:complete(?:ly)?|total(?:ly)?|full(?:y)?|entirely) (?:black|dark)",
        # Italian
        r"(?:dissol\w+|sfum\w+) in nero ", "(?:al|nel) (?:nero|buio) ",
        "(?:completamente|totalmente|tutto) (?:buio|nero) ",
        "buio (?:totale|completo|pesto) ",
    ),
)  # fmt: skip
"""Of the model `little`, in the languages that it was taught."""
