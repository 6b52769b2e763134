"""Text and options → the pieces of a request. Pure and total: any input gives a value or RequestRejected."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from bot.chat import Incoming
from bot.options import Wish, read_wish
from bot.picture.value import Pictures
from bot.wording import durations, table
from bot.wording.isolate import isolated
from bot.wording.table import Style, Table
from storage.buckets import bucket
from storage.errors import RequestRejected
from storage.jobs import FilmParams, Schedule
from storage.models import ModelCard
from storage.settings import FilmSettings, IntakeSettings

SECONDS_MIN = 0.5
"""Nothing shorter can be asked for. One section, 1.2 s, is drawn then, and charged: the store sees to that."""
SEED_MAX = 2**32 - 1
STEPS_MIN, STEPS_MAX = 1, 100
SIZE_MIN, SIZE_MAX, SIZE_MULTIPLE = 64, 1024, 16
"""Bucket sides are multiples of 16: the VAE halves three times and the transformer patches by two."""

STRIP_RATIO = 3.0
"""Of a picture's sides: beyond it, a film shows so little that its member is told."""
SHOWN_CHARS = 24
"""Of a refused value: enough to recognise it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a request is measured against on this host."""

    intake: IntakeSettings
    film: FilmSettings
    model: ModelCard
    size: int
    """Where the member names none."""
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The checked words and numbers of a request."""

    prompt: str
    style: str
    """Its phrase; empty for none."""
    duration_ms: int
    seed: int
    schedule: Schedule
    steps: int
    size: int
    form: str
    spoiler: bool
    letterbox: bool
    notes: tuple[str, ...]
    """What looks like an option and was not understood: sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a film that comes from another is to have of its own; None leaves what the other has."""

    seed: int
    """Drawn where none is named: the same film again is nobody's wish."""
    prompt: str | None = None
    """Other words; they bring their own style, or none."""
    style: str | None = None
    duration_ms: int | None = None
    form: str | None = None
    spoiler: bool = False
    letterbox: bool = False
    notes: tuple[str, ...] = ()

    @property
    def same_film(self) -> bool:
        """Only the seed is another."""
        given = (self.prompt, self.style, self.duration_ms, self.form)
        return not self.letterbox and all(one is None for one in given)

    def applied(self, params: FilmParams) -> FilmParams:
        return replace(
            params,
            seed=self.seed,
            prompt=params.prompt if self.prompt is None else self.prompt,
            style=params.style if self.prompt is None and self.style is None else self.style or "",
            duration_ms=params.duration_ms if self.duration_ms is None else self.duration_ms,
            form=params.form if self.form is None else self.form,
        )


def read_options(incoming: Incoming, rules: Rules, draw: random.Random) -> Options:
    """Everything but the pictures; cheap, and therefore first. `draw` gives the seed where none is named."""
    words = table(incoming.member.locale)
    schedule = read_schedule(incoming.schedule, rules.model, words)
    if incoming.end_picture is not None and schedule is Schedule.FORWARD:
        raise RequestRejected(_no_end_picture(words, rules.model), field="end_picture")
    wish = read_wish(clean_text(incoming.prompt))
    # What was filled into a field of its own counts before what stands among the words.
    style = read_style(_given(incoming.style) or wish.style, words)
    duration_ms = read_seconds(_given(incoming.seconds) or wish.seconds, rules.film, words)
    return Options(
        prompt=read_prompt(wish.prompt, rules, words),
        style="" if style is None else style.phrase,
        duration_ms=duration_ms,
        seed=read_seed(_given(incoming.seed) or wish.seed, draw, words),
        schedule=schedule,
        steps=read_steps(incoming.steps, rules.steps, words),
        size=read_size(incoming.size, rules.size, words),
        form=_given(incoming.form) or wish.form or "",
        spoiler=incoming.spoiler or wish.spoiler,
        letterbox=incoming.letterbox or wish.letterbox,
        notes=unread_notes(wish, words) + model_notes(wish.prompt, duration_ms, rules.model, words),
    )


def picture_notes(pictures: Pictures, options: Options, words: Table) -> tuple[str, ...]:
    """What of the pictures will not be seen as it was sent: sentences."""
    notes: list[str] = []
    for picture in (pictures.start, pictures.end):
        if picture is None:
            continue
        if picture.animated:
            notes.append(words.first_frame)
        height, width = bucket(picture.height, picture.width, options.size)
        seen = (width / height) / picture.ratio
        sentence = words.cropped_width if seen < 1 else words.cropped_height
        if options.letterbox:
            notes.append(words.letterboxed)
        elif max(picture.ratio, 1 / picture.ratio) > STRIP_RATIO:
            notes.append(sentence.format(percent=max(1, round(100 * min(seen, 1 / seen)))))
    return tuple(dict.fromkeys(notes))


def read_changes(text: str, rules: Rules, draw: random.Random, words: Table, *, seconds: str | None = None) -> Changes:
    """Words and options for a film that comes from another; empty words leave the other's."""
    wish = read_wish(clean_text(text))
    style = read_style(wish.style, words)
    length = _given(seconds) or wish.seconds
    duration_ms = None if length is None else read_seconds(length, rules.film, words)
    return Changes(
        seed=read_seed(wish.seed, draw, words),
        prompt=read_prompt(wish.prompt, rules, words) if wish.prompt else None,
        style=None if style is None else style.phrase,
        duration_ms=duration_ms,
        form=wish.form,
        spoiler=wish.spoiler,
        letterbox=wish.letterbox,
        notes=unread_notes(wish, words) + model_notes(wish.prompt, duration_ms, rules.model, words),
    )


def unread_notes(wish: Wish, words: Table) -> tuple[str, ...]:
    """What looks like an option and was left in the prompt, said in a sentence; none where nothing was."""
    if not wish.unread:
        return ()
    given = ", ".join(f"“{_shown(text)}”" for text in wish.unread)
    return (words.option_unread.format(given=given),)


def model_notes(prompt: str, duration_ms: int | None, model: ModelCard, words: Table) -> tuple[str, ...]:
    """What this wish will not get of a model that was taught little; nothing where nothing was asked."""
    notes: list[str] = []
    if model.vocabulary is not None and clean_text(prompt) and not model.vocabulary.understands(prompt):
        notes.append(words.wish_beyond_model)
    if model.vocabulary is not None and model.vocabulary.stays_lit(prompt):
        notes.append(words.model_stays_lit)
    if model.moves_ms is not None and duration_ms is not None and duration_ms > model.moves_ms:
        notes.append(words.model_stands_still.format(most=durations.number(words, model.moves_ms // 1000)))
    return tuple(notes)


def read_prompt(text: str, rules: Rules, words: Table) -> str:
    """The cleaned prompt, or the default motion where nothing visible is left."""
    prompt = clean_text(text)
    most = rules.intake.prompt_chars_max
    if len(prompt) > most:
        raise RequestRejected(words.prompt_too_long.format(count=len(prompt), most=most), field="prompt")
    return prompt or rules.film.prompt_default


def read_style(text: str | None, words: Table) -> Style | None:
    """By its name in any case, the one that adapters send or the member's own language's."""
    if text is None or not text.strip():
        return None
    given = clean_text(text).casefold()
    for key, style in words.styles.items():
        if given in (key, style.name.casefold()):
            return style
    allowed = ", ".join(style.name for style in words.styles.values())
    raise RequestRejected(words.style_unknown.format(given=_shown(text), allowed=allowed), field="style")


def read_seconds(text: str | None, film: FilmSettings, words: Table) -> int:
    """Milliseconds of video; "2.5" and "2,5" are the same."""
    if text is None or not text.strip():
        return round(film.seconds_default * 1000)
    number = _decimal(text)
    least = min(SECONDS_MIN, film.seconds_max)
    if number is None or not Decimal(str(least)) <= number <= Decimal(str(film.seconds_max)):
        sentence = words.seconds_refused.format(
            given=_shown(text), least=durations.number(words, least), most=durations.number(words, film.seconds_max)
        )
        raise RequestRejected(sentence, field="seconds")
    return int((number * 1000).to_integral_value(ROUND_HALF_UP))


def read_seed(text: str | None, draw: random.Random, words: Table) -> int:
    if text is None or not text.strip():
        return draw_seed(draw)
    seed = _whole(text)
    if seed is None or seed > SEED_MAX:
        raise RequestRejected(words.seed_refused.format(given=_shown(text), most=SEED_MAX), field="seed")
    return seed


def draw_seed(draw: random.Random) -> int:
    return draw.randrange(SEED_MAX + 1)


def read_schedule(text: str | None, model: ModelCard, words: Table) -> Schedule:
    if text is None or not text.strip():
        return model.schedules[0]
    name = text.strip().lower()
    for schedule in model.schedules:
        if schedule.value == name:
            return schedule
    allowed = ", ".join(model.schedules)
    sentence = words.schedule_unknown.format(given=_shown(text), model=model.name, allowed=allowed)
    raise RequestRejected(sentence, field="schedule")


def read_steps(text: str | None, default: int, words: Table) -> int:
    if text is None or not text.strip():
        return default
    steps = _whole(text)
    if steps is None or not STEPS_MIN <= steps <= STEPS_MAX:
        sentence = words.steps_refused.format(given=_shown(text), least=STEPS_MIN, most=STEPS_MAX)
        raise RequestRejected(sentence, field="steps")
    return steps


def read_size(text: str | None, default: int, words: Table) -> int:
    if text is None or not text.strip():
        return default
    size = _whole(text)
    if size is None or not SIZE_MIN <= size <= SIZE_MAX or size % SIZE_MULTIPLE:
        sentence = words.size_refused.format(given=_shown(text), least=SIZE_MIN, most=SIZE_MAX, multiple=SIZE_MULTIPLE)
        raise RequestRejected(sentence, field="size")
    return size


# Joiners spell words in Persian, the Indic scripts and emoji, and marks order mixed right-to-left text;
# every other format character (zero-width spaces, overrides, tags) is invisible and only misleads.
_JOINERS_AND_MARKS: Mapping[str, str] = {
    "\u200c": "zero width non-joiner",
    "\u200d": "zero width joiner",
    "\u200e": "left-to-right mark",
    "\u200f": "right-to-left mark",
    "\u061c": "Arabic letter mark",
}


def clean_text(text: str) -> str:
    """One line of visible text, composed (NFC); empty where only invisible characters were given."""
    # Lone surrogates (category Cs) come from broken command lines and cannot be stored as UTF-8.
    kept = "".join(
        " " if char.isspace() or unicodedata.category(char) == "Cc" else char
        for char in unicodedata.normalize("NFC", text)
        if char in _JOINERS_AND_MARKS or unicodedata.category(char) not in ("Cf", "Cs")
    )
    line = " ".join(kept.split())
    return line if any(char not in _JOINERS_AND_MARKS and char != " " for char in line) else ""


_NUMBER = re.compile(r"\d{1,12}([.,]\d{0,12})?|[.,]\d{1,12}")
_DIGITS = re.compile(r"\d{1,12}")


def _given(text: str | None) -> str | None:
    """None where nothing was filled in."""
    return text if text and text.strip() else None


def _decimal(text: str) -> Decimal | None:
    """Digits of any script with one mark; no exponents, signs, NaN or infinity."""
    text = text.strip()
    return Decimal(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def _whole(text: str) -> int | None:
    text = text.strip()
    return int(text) if _DIGITS.fullmatch(text) else None


def _shown(text: str) -> str:
    text = clean_text(text)
    return isolated(text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…")


def _no_end_picture(words: Table, model: ModelCard) -> str:
    if Schedule.INVERTED in model.schedules:
        return words.end_picture_forward
    return words.end_picture_forward_only.format(model=model.name)
