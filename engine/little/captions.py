"""Wishes in English and Italian, as people type them: what the text encoders learn to understand.

A wish is put together from a phrase for the motion, a pace, a subject and courtesies, with typos now and then. A tenth
of all combinations, picked by their hash, is held out: training never sees them, measuring uses only them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from random import Random

from engine.little.motions import GENTLE, Motion

LANGUAGES = ("en", "it")
PACES = ("slow", "normal", "fast")
UNKNOWN_SHARE = 0.15
_HELD_OUT_OF = 10
_TYPO_SHARE = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    text: str
    motion: Motion
    pace: int
    """Place in PACES."""
    language: str
    """One of LANGUAGES; empty for wishes of no language that is known."""


_PHRASES: dict[str, dict[Motion, tuple[str, ...]]] = {
    "en": {
        Motion.ZOOM_IN: (
            "zoom in", "zoom into the picture", "zoom in on {s}", "move closer", "move closer to {s}", "get closer",
            "come nearer to {s}", "push in", "the camera pushes in", "dolly in", "approach {s}",
            "the camera approaches {s}", "go towards {s}", "magnify {s}", "make {s} bigger", "enlarge {s}",
            "close up on {s}", "zooming in",
        ),
        Motion.ZOOM_OUT: (
            "zoom out", "zoom out from {s}", "move away", "move away from {s}", "pull back", "the camera pulls back",
            "dolly out", "go backwards", "back off from {s}", "get further away from {s}", "make {s} smaller",
            "shrink {s}", "widen the view", "reveal more around {s}", "the camera retreats", "zooming out", "step back",
        ),
        Motion.PAN_LEFT: (
            "pan left", "pan to the left", "move the camera left", "the camera moves to the left", "look left",
            "turn to the left", "go left", "camera slides left", "towards the left", "scroll left", "leftwards", "left",
            "look to the left of {s}", "travel left", "panning left",
        ),
        Motion.PAN_RIGHT: (
            "pan right", "pan to the right", "move the camera right", "the camera moves to the right", "look right",
            "turn to the right", "go right", "camera slides right", "towards the right", "scroll right", "rightwards",
            "right", "look to the right of {s}", "travel right", "panning right",
        ),
        Motion.PAN_UP: (
            "pan up", "tilt up", "move the camera up", "the camera moves upwards", "look up", "go up", "camera rises",
            "the camera climbs", "upwards", "scroll up", "raise the camera", "look above {s}", "lift the view", "up",
            "panning up",
        ),
        Motion.PAN_DOWN: (
            "pan down", "tilt down", "move the camera down", "the camera moves downwards", "look down", "go down",
            "camera sinks", "the camera descends", "downwards", "scroll down", "lower the camera", "look below {s}",
            "drop the view", "down", "panning down",
        ),
        Motion.ROTATE_LEFT: (
            "rotate left", "rotate counterclockwise", "spin counterclockwise", "roll to the left", "turn anticlockwise",
            "rotate the camera left", "spin left",
        ),
        Motion.ROTATE_RIGHT: (
            "rotate right", "rotate clockwise", "spin clockwise", "roll to the right", "turn clockwise",
            "rotate the camera right", "spin right",
        ),
        Motion.FADE_DARK: (
            "fade to black", "fade out", "fade to dark", "it gets dark", "darken {s}", "make {s} darker", "night falls",
            "the light goes out", "switch off the light", "it becomes night", "dim the light", "the sun sets",
            "lights off", "darkness falls on {s}", "turn it dark",
        ),
        Motion.FADE_LIGHT: (
            "fade to white", "fade to light", "it gets bright", "brighten {s}", "make {s} brighter", "day breaks",
            "the light grows", "switch on the light", "it becomes day", "light up {s}", "the sun rises", "lights on",
            "flood {s} with light", "make it lighter", "dawn comes",
        ),
        Motion.SWAY: ("sway", "{s} sways", "swing gently", "rock from side to side", "swinging", "tilt back and forth"),
        Motion.PULSE: ("pulse", "{s} pulses", "beat like a heart", "breathe", "{s} breathes", "throb", "pulsate"),
        Motion.RIPPLE: ("ripple", "waves", "{s} ripples", "like under water", "wobble", "make {s} wavy", "undulate"),
        Motion.SHAKE: ("shake", "{s} shakes", "earthquake", "tremble", "{s} trembles", "jitter", "handheld camera"),
        Motion.DRIFT_LEFT: ("{s} drifts left", "{s} moves to the left", "{s} floats to the left", "{s} walks left"),
        Motion.DRIFT_RIGHT: (
            "{s} drifts right", "{s} moves to the right", "{s} floats to the right", "{s} walks right",
        ),
    },
    "it": {
        Motion.ZOOM_IN: (
            "zoom avanti", "zooma", "zooma su {s}", "ingrandisci", "ingrandisci {s}", "avvicinati", "avvicinati a {s}",
            "avvicina la camera", "la camera si avvicina a {s}", "fai uno zoom in avanti", "vai verso {s}",
            "vai più vicino", "carrellata in avanti", "primo piano su {s}", "stringi su {s}", "rendi {s} più grande",
            "zoom in", "entra in {s}", "avvicinamento a {s}",
        ),
        Motion.ZOOM_OUT: (
            "zoom indietro", "allontanati", "allontanati da {s}", "allontana la camera",
            "la camera si allontana da {s}",
            "fai uno zoom indietro", "rimpicciolisci", "rimpicciolisci {s}", "vai indietro", "carrellata indietro",
            "arretra", "allarga la vista", "allarga su {s}", "zoom out", "rendi {s} più piccolo", "indietreggia",
        ),
        Motion.PAN_LEFT: (
            "a sinistra", "verso sinistra", "sposta la camera a sinistra", "la camera va a sinistra",
            "guarda a sinistra",
            "panoramica a sinistra", "scorri a sinistra", "muoviti verso sinistra", "gira a sinistra", "vai a sinistra",
            "guarda alla sinistra di {s}", "sinistra",
        ),
        Motion.PAN_RIGHT: (
            "a destra", "verso destra", "sposta la camera a destra", "la camera va a destra", "guarda a destra",
            "panoramica a destra", "scorri a destra", "muoviti verso destra", "gira a destra", "vai a destra",
            "guarda alla destra di {s}", "destra",
        ),
        Motion.PAN_UP: (
            "in alto", "verso l'alto", "sposta la camera in alto", "la camera sale", "guarda in alto", "guarda in su",
            "panoramica verso l'alto", "scorri in alto", "sali", "alza la camera", "vai su", "solleva lo sguardo",
            "in su",
        ),
        Motion.PAN_DOWN: (
            "in basso", "verso il basso", "sposta la camera in basso", "la camera scende", "guarda in basso",
            "guarda in giù", "panoramica verso il basso", "scorri in basso", "scendi", "abbassa la camera", "vai giù",
            "abbassa lo sguardo", "in giù",
        ),
        Motion.ROTATE_LEFT: (
            "ruota a sinistra", "ruota in senso antiorario", "gira in senso antiorario", "rotazione antioraria",
        ),
        Motion.ROTATE_RIGHT: (
            "ruota a destra", "ruota in senso orario", "gira in senso orario", "rotazione oraria",
        ),
        Motion.FADE_DARK: (
            "dissolvi in nero", "dissolvenza in nero", "sfuma al nero", "diventa buio", "si fa buio", "scurisci {s}",
            "oscura {s}", "rendi {s} più scuro", "cala la notte", "si spegne la luce", "spegni la luce",
            "tramonta il sole", "abbassa la luce", "scende la sera", "scende il buio su {s}",
        ),
        Motion.FADE_LIGHT: (
            "dissolvi in bianco", "dissolvenza in bianco", "sfuma al bianco", "diventa luminoso", "si fa chiaro",
            "schiarisci {s}", "illumina {s}", "rendi {s} più chiaro", "fa giorno", "si accende la luce",
            "accendi la luce", "sorge il sole", "alza la luce", "arriva l'alba", "inonda {s} di luce",
        ),
        Motion.SWAY: ("oscilla", "{s} oscilla", "dondola", "{s} dondola", "ondeggia di qua e di là"),
        Motion.PULSE: ("pulsa", "{s} pulsa", "batte come un cuore", "respira", "{s} respira"),
        Motion.RIPPLE: ("onde", "increspa {s}", "come sott'acqua", "fai ondeggiare {s}", "ondula"),
        Motion.SHAKE: ("trema", "{s} trema", "terremoto", "scuoti {s}", "vibra", "camera a mano"),
        Motion.DRIFT_LEFT: ("{s} va a sinistra", "{s} si sposta a sinistra", "{s} scivola verso sinistra"),
        Motion.DRIFT_RIGHT: ("{s} va a destra", "{s} si sposta a destra", "{s} scivola verso destra"),
    },
}  # fmt: skip
_ADVERBS: dict[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        ("slowly", "gently", "very slowly", "calmly", "softly", "a little"),
        ("", "", "", "smoothly", "steadily", "now"),
        ("fast", "quickly", "very fast", "rapidly", "swiftly", "in a hurry"),
    ),
    "it": (
        ("lentamente", "piano", "dolcemente", "molto lentamente", "con calma", "un po'"),
        ("", "", "", "in modo fluido", "adesso", "senza scatti"),
        ("veloce", "velocemente", "in fretta", "rapidamente", "molto veloce", "di corsa"),
    ),
}
_SUBJECTS: dict[str, tuple[str, ...]] = {
    "en": (
        "the picture", "the image", "it", "the fox", "the cat", "the dog", "the house", "the tree", "the mountain",
        "the sea", "her face", "his eyes", "the car", "the city", "the sky", "the castle", "the flower", "the scene",
        "the old man", "the girl", "the boat", "my photo", "the moon", "the forest", "the bird", "the statue",
    ),
    "it": (
        "l'immagine", "la foto", "la figura", "la volpe", "il gatto", "il cane", "la casa", "l'albero", "la montagna",
        "il mare", "il suo viso", "gli occhi", "la macchina", "la città", "il cielo", "il castello", "il fiore",
        "la scena", "il vecchio", "la ragazza", "la barca", "la mia foto", "la luna", "il bosco", "l'uccello",
    ),
}  # fmt: skip
_COURTESIES: dict[str, tuple[str, ...]] = {
    "en": ("{w}", "{w}", "{w}", "please {w}", "can you {w}", "{w} please", "I want you to {w}", "{w}, cinematic",
           "{w}, high quality", "make a film: {w}", "and now {w}", "{w} in this picture", "just {w}"),
    "it": ("{w}", "{w}", "{w}", "per favore {w}", "puoi fare: {w}", "{w} per favore", "vorrei: {w}",
           "{w}, cinematografico", "{w}, alta qualità", "fai un film: {w}", "e ora {w}", "{w} in questa foto"),
}  # fmt: skip
_NO_MOTION = (
    "", "", "", "the fox turns its head", "a cat yawns", "she smiles", "he waves his hand", "the dog barks",
    "make it nice",
    "something beautiful", "la volpe gira la testa", "il gatto sbadiglia", "lei sorride", "fai qualcosa di bello",
    "animate this", "anima questa immagine", "the leaves fall", "cadono le foglie", "surprise me", "sorprendimi",
    "a dancing robot", "un robot che balla", "she blinks", "birds fly over the lake", "volano gli uccelli", "hello",
    "ciao", "test", "the man speaks", "la donna parla", "water flows", "scorre l'acqua", "fire burns",
    "brucia il fuoco",
    "🦊", "🔥🔥🔥", "🎉✨", "😀", "🚀🌕", "動かして", "放大图片", "сделай красиво", "اجعلها تتحرك", "mach es schön",
    "haz que se mueva", "fais bouger l'image", "bewege das Bild", "???", "...", "12345",
)  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyzàèéìòù"


def wish(dice: Random, *, held_out: bool = False, motion: Motion | None = None, language: str | None = None) -> Wish:
    """One wish. held_out: of those that training never sees. motion: this one, instead of any or an unknown one."""
    while True:
        drawn = _unknown(dice) if motion is None and dice.random() < UNKNOWN_SHARE else _known(dice, motion, language)
        if not held_out and dice.random() < _TYPO_SHARE:
            drawn = _mistyped(drawn, dice)
        if is_held_out(drawn) == held_out:
            return drawn


def is_held_out(drawn: Wish) -> bool:
    return zlib.crc32(drawn.text.lower().encode()) % _HELD_OUT_OF == 0


def _known(dice: Random, motion: Motion | None, language: str | None) -> Wish:
    language = language or dice.choice(LANGUAGES)
    motion = motion or dice.choice(tuple(Motion))
    pace = dice.choice((0, 1, 1, 2))
    phrase = dice.choice(_PHRASES[language][motion]).replace("{s}", dice.choice(_SUBJECTS[language]))
    adverb = dice.choice(_ADVERBS[language][pace])
    words = f"{adverb} {phrase}" if dice.random() < 0.4 else f"{phrase} {adverb}"
    text = dice.choice(_COURTESIES[language]).replace("{w}", words.strip())
    if dice.random() < 0.25:
        text = text[:1].upper() + text[1:] + dice.choice((".", "!", ""))
    return Wish(text=text, motion=motion, pace=pace, language=language)


def _unknown(dice: Random) -> Wish:
    if dice.random() < 0.5:
        text = dice.choice(_NO_MOTION)
    elif dice.random() < 0.5:
        language = dice.choice(LANGUAGES)
        text = f"{dice.choice(_SUBJECTS[language])} {_nonsense(dice)}"
    else:
        text = " ".join(_nonsense(dice) for _ in range(dice.randint(1, 8)))
    return Wish(text=text, motion=GENTLE, pace=0, language="")


def _nonsense(dice: Random) -> str:
    return "".join(dice.choice(_LETTERS) for _ in range(dice.randint(2, 9)))


def _mistyped(drawn: Wish, dice: Random) -> Wish:
    """One letter doubled, left out, or changed places with the next."""
    if len(drawn.text) < 6:
        return drawn
    place = dice.randrange(1, len(drawn.text) - 1)
    before, letter, following = drawn.text[:place], drawn.text[place], drawn.text[place + 1 :]
    changed = dice.choice((letter * 2 + following, following, following[:1] + letter + following[1:]))
    return Wish(text=before + changed, motion=drawn.motion, pace=drawn.pace, language=drawn.language)
