"""The words by which options are recognised inside a sentence, in every language at once.

A member writes in whatever language comes to mind, and none of these words means another option in another language.
"""

from __future__ import annotations

from collections.abc import Mapping


def _words(line: str) -> frozenset[str]:
    return frozenset(line.split())


KEYS: Mapping[str, str] = {
    "seed": "seed",
    "seme": "seed",
    "style": "style",
    "stile": "style",
    "seconds": "seconds",
    "secs": "seconds",
    "secondi": "seconds",
    "length": "seconds",
    "duration": "seconds",
    "lunghezza": "seconds",
    "durata": "seconds",
    "form": "form",
    "format": "form",
    "formato": "form",
}
"""Names of options that take a value."""
FORMS = frozenset({"gif", "mp4"})
COVERS = frozenset({"spoiler"})
COVERS_DASHED = frozenset({"spoiler", "cover", "covered", "coperto"})
LETTERBOX = frozenset({"letterbox", "letterboxed"})
YES = frozenset({"yes", "true", "on", "1", "si", "sì"})

UNITS = frozenset({"s", "sec", "secs", "second", "seconds", "secondo", "secondi"})
SINGULAR = frozenset({"second", "secondo"})
SPELLED_UNITS = frozenset({"seconds", "secs", "secondi"})
"""After a number in words, where "one second" is no length."""
MINUTES = frozenset({"min", "mins", "minute", "minutes", "minuto", "minuti"})
"""Not understood, and said so: films last seconds."""
NUMBERS: Mapping[str, str] = {
    word: str(number)
    for number, words in {
        2: "two due",
        3: "three tre",
        4: "four quattro",
        5: "five cinque",
        6: "six sei",
        7: "seven sette",
        8: "eight otto",
        9: "nine nove",
        10: "ten dieci",
        12: "twelve dodici",
        15: "fifteen quindici",
        20: "twenty venti",
        30: "thirty trenta",
        60: "sixty sessanta",
    }.items()
    for word in words.split()
}

ARTICLES = _words("a an the this that these those il lo la i gli le un uno una l questo questa quel quella")
"""Before a word, they make it a thing."""
DETERMINERS = ARTICLES | _words(
    "my your his her its our their two some mio mia tuo tua suo sua miei mie tuoi tue suoi sue loro due"
)
"""With these a sentence begins."""
JOINTS = frozenset({"and", "or", "e", "ed", "o"})
BEFORE_DECADES = DETERMINERS | _words(
    "in from of like early late mid roaring swinging retro vintage classic old aged years since during "
    "dei degli negli nei sui anni da di come primi tardi retrò"
)
"""What stands before "20s" where it is a decade."""
PEOPLE = _words(
    "man woman guy lady gentleman person people couple men women girl boy actor actress model male female "
    "uomo donna signore signora persona persone coppia uomini donne ragazza ragazzo attore attrice modella"
)
"""Before "30s" at the end, they make it an age."""
MODELS = _words("iphone ipad galaxy pixel boeing airbus porsche model modello type tipo levi's")
"""What stands before "5s" where it is a product."""
TIMING = _words(
    "after in every within until till at before than last first next over another each dopo tra fra ogni entro alle "
    "prima ultimi primi prossimi altri ai"
)
"""Before a length, they make it a moment or a pace inside the film."""
WITHIN = frozenset({"in", "over", "within", "entro"})
"""Of these, what may well have been meant as the film's length."""
GOES_IN = _words(
    "zoom zooms zooming fade fades fading dolly push pushes move moves come comes fly flies walk walks glide glides "
    "slide slides pan pans lean leans"
)
"""Verbs with an "in" of their own, as in "zoom in 5s"."""
AFTER_LENGTH = _words("later before after ago to left until till into from past dopo prima fa al alla allo poi più")
"""What follows a length that is a moment, too."""
OF = frozenset({"of", "di"})
FILMS = _words("film films video clip movie gif animation loop shot filmato animazione")
LENGTH_LEADS = _words(
    "for per during durante lasting lasts that which che duration length durata lunghezza dura lungo lunga of di da "
    "with con della"
)
"""Taken away with the length that they lead to."""
VAGUE = _words("about approximately roughly exactly only just circa esattamente solo soltanto massimo")
LENGTH_TAILS = frozenset({"long", "lungo", "lunga", "total", "totali", "max"})
PAIR_LEADS: Mapping[str, frozenset[str]] = {
    "seed": _words("with using use con usa"),
    "style": _words("in with con nello"),
    "form": frozenset({"in", "as", "come"}),
}
"""Taken away with a name and its value."""
FORM_LEADS = frozenset({"as", "come", "in"})
AFTER_FORM = OF | {"in", "from", "da", "that", "where", "con", "with"}
"""What follows "gif" where it is a thing in the sentence."""
POLITE = _words("please pls thanks thx grazie prego per favore perfavore") | {""}
"""Beside an option, said to the bot."""
COVER_OBJECTS = ARTICLES | _words("with con rear car huge big of no without senza")
"""Before "spoiler" where it is the part of a car, or what a story must not be given."""
AFTER_COVER = _words("alert of on della sulla posteriore")
