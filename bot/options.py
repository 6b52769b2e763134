"""Options inside a sentence: length, seed, style, form and cover. Pure, total, and linear in the text's length.

An option counts where a person means one: at the start or at the end of the words ("the fox runs 5s, seed 7"), or
anywhere where it is marked as one ("--seed 7", "seed=7", "style: lively"). Everything else stays in the prompt; what
looks like an option there is named, so that the member can be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from bot.wording import LANGUAGES
from bot.wording import option_words as known

TOKEN_CHARS_MAX = 40
"""No option is longer."""
DECADES_FROM = 50
""" "50s" to "90s" are decades; "20s" to "40s" may be lengths."""
GLUED_SECONDS_MAX = 300
"""Beyond it a number with an "s" is a plural: "two 747s"."""
UNREAD_MAX = 3

_STYLES: Mapping[str, str] = {
    name.casefold(): key
    for table in LANGUAGES.values()
    for key, style in table.styles.items()
    for name in (key, style.name)
}
_APOSTROPHES = "'’‘"
_OPENING, _CLOSING = '([{<"“”«¿¡*_~≈' + _APOSTROPHES, ')]}>"“”».,;:!?…*_' + _APOSTROPHES
_LINKS = "-|·•/+&—–~≈"
_SIGNS = ":=#"
_PIECES = re.compile(r"[^\s,;]+(?:[,;](?=\d)[^\s,;]+)*[,;]*|[,;]+")
"""Words, also where no blank follows a comma; a comma between digits is a decimal mark."""
_DASHED_NUMBER = re.compile(r"(?:--|[—–])(?=\d)")
""" "--5s"; with one dash it is a negative number."""
_LENGTH = re.compile(r"(\d{1,9}(?:[.,]\d{1,9})?|[.,]\d{1,9})-?([^\W\d_]{0,8})")
_WHOLE = re.compile(r"\d{1,40}")
_KEYED = re.compile(r"(--?|[—–])?(mp4|[^\W\d_]{2,12})([:=#]{0,2})(.*)", re.DOTALL)


@dataclass(slots=True, kw_only=True)
class Wish:
    """A member's words, sorted. Values are as typed, but for their unit: intake checks them."""

    prompt: str = ""
    seconds: str | None = None
    seed: str | None = None
    style: str | None = None
    """A key of `Table.styles`."""
    form: str | None = None
    """"gif" or "mp4"."""
    spoiler: bool = False
    letterbox: bool = False
    unread: tuple[str, ...] = ()
    """What looks like an option and was left in the prompt, as typed."""


@dataclass(frozen=True, slots=True)
class _Token:
    raw: str
    core: str
    """Case folded, without brackets and punctuation around it; empty for punctuation alone."""
    apart: bool
    """A blank stands before it."""


@dataclass(frozen=True, slots=True)
class _Length:
    value: str
    unit: str
    first: int
    """Index of its number."""
    end: int
    """Behind its unit."""

    @property
    def glued(self) -> bool:
        """Number and a bare "s" in one word: what a decade or a plural looks like too."""
        return self.unit == "s" and self.end == self.first + 1

    @property
    def decade(self) -> bool:
        return self.glued and len(self.value) == 2 and self.value[1] == "0" and self.value[0] not in "01"


def read_wish(text: str) -> Wish:
    """Any text is a wish; what holds no option is all prompt."""
    reader = _Reader(text)
    reader.take_marked()
    reader.take_edges()
    return reader.finished()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = [_token(text, found) for found in _PIECES.finditer(text)]
        self._wish = Wish()
        self._unread: list[list[_Token]] = []
        self._start, self._end = 0, len(self._tokens)

    def finished(self) -> Wish:
        if self._wish.seconds is None:
            self._note_lengths()
        self._note_pairs()
        rest = self._tokens[self._start : self._end]
        left = set(map(id, rest))
        said = (
            _joined(tokens).strip(_OPENING + _CLOSING) for tokens in self._unread if left.issuperset(map(id, tokens))
        )
        self._wish.unread = tuple(dict.fromkeys(said))[:UNREAD_MAX]
        # Of "the fox, 5s" the comma led to the option.
        prompt = _joined(rest)
        self._wish.prompt = prompt if self._wish == Wish(unread=self._wish.unread) else prompt.rstrip(",; ")
        return self._wish

    # What is marked as an option, anywhere

    def take_marked(self) -> None:
        kept: list[_Token] = []
        place = 0
        while place < len(self._tokens):
            used = self._take_marked_at(place)
            if used == 0:
                kept.append(self._tokens[place])
            place += used or 1
        self._tokens, self._start, self._end = kept, 0, len(kept)

    def _take_marked_at(self, place: int) -> int:
        """How many tokens a marked option has here; 0 where there is none."""
        found = _KEYED.fullmatch(self._tokens[place].raw.casefold().lstrip(_OPENING))
        if found is None:
            return 0
        dashes, name, sign, value = found.groups()
        value = value.strip(_CLOSING)
        if dashes == "-" and name not in known.KEYS:
            return 0
        if dashes and not sign and not value and name in known.FORMS | known.COVERS_DASHED:
            return int(self._set("form", name) if name in known.FORMS else self._set("spoiler", "yes"))
        if dashes and not sign and not value and name in known.LETTERBOX:
            return int(self._set("letterbox", "yes"))
        key = known.KEYS.get(name, "spoiler" if name in known.COVERS_DASHED else "")
        if not key or (value and not dashes and not sign):
            if dashes == "--" and not key:
                self._leave(place, 1)
            return 0
        used = 1
        if not value:
            used, sign, value = self._value_after(place, sign)
        if not value or not (dashes or sign):
            return 0
        if self._set(key, value):
            if key == "seconds" and used > 1 and self._core(place + used) in known.UNITS:
                used += 1  # "length: 5 seconds"
            return used
        if dashes or "=" in sign or key == "style" or any(char.isdecimal() for char in value):
            self._leave(place, used)
        return 0

    def _value_after(self, place: int, sign: str) -> tuple[int, str, str]:
        """Of "seed: 7", "seed = 7", "seed =7": tokens used, sign, value."""
        after = [token.raw.casefold() for token in self._tokens[place + 1 : place + 3]]
        if not sign and after and after[0][0] in _SIGNS:
            if len(after[0]) > 1:
                return 2, after[0][0], after[0][1:]
            return (3, after[0], after[1]) if len(after) > 1 else (1, "", "")
        return (2, sign, after[0]) if after else (1, "", "")

    # What stands at the start or at the end

    def take_edges(self) -> None:
        """Each option counts once, so this ends after a few rounds."""
        while self._start < self._end and (self._take_last() or self._take_first()):
            pass

    def _take_last(self) -> bool:
        polite = self._back_over(self._end, known.POLITE)
        for end in dict.fromkeys((self._end, polite)):
            for take in (self._last_length, self._last_pair, self._last_word):
                if (first := take(end)) is not None:
                    self._end = self._back_over(first, known.JOINTS | {""})
                    return True
        return False

    def _take_first(self) -> bool:
        for take in (self._first_length, self._first_pair, self._first_word):
            if (end := take(self._start)) is not None:
                while end < self._end and self._core(end) in known.POLITE:
                    end += 1
                self._start = end
                return True
        return False

    def _last_length(self, end: int) -> int | None:
        """Where the option begins that ends here."""
        length = self._length_before(end) or self._length_before(self._back_over(end, known.LENGTH_TAILS))
        if length is None or self._wish.seconds is not None or not self._is_length(length):
            return None
        lead = length.first
        if self._core(lead - 1) in known.VAGUE:
            lead -= 1
        if self._core(lead - 1) in known.JOINTS and not self._ends_option(lead - 1):
            return None
        while self._core(lead - 1) in known.LENGTH_LEADS:
            lead -= 1
            if self._core(lead) in known.KEYS and self._core(lead - 1) in known.ARTICLES:
                lead -= 1  # "with a length of 5 seconds"
        self._wish.seconds = length.value
        return lead

    def _first_length(self, start: int) -> int | None:
        lead = start
        while self._core(lead) in known.LENGTH_LEADS | known.VAGUE | known.POLITE and lead < self._end:
            lead += 1
        length = self._length_at(lead)
        if length is None and self._core(start) in known.ARTICLES:
            # "a 10-second film of a fox"
            length = self._length_at(start + 1)
            if length is not None and (length.decade or self._core(length.end) not in known.FILMS):
                length = None
        if length is None or self._wish.seconds is not None or not self._is_length(length):
            return None
        after = self._core(length.end)
        if after in known.JOINTS or (length.glued and after in known.OF):
            return None
        if (
            length.unit in known.SINGULAR
            and length.value != "1"
            and after not in known.FILMS | known.DETERMINERS | {""}
        ):
            return None
        self._wish.seconds = length.value
        return length.end + 1 if after in known.OF else length.end

    def _is_length(self, length: _Length) -> bool:
        """Whether a number with a unit can be the film's length, by the words beside it."""
        before, after = self._core(length.first - 1), self._core(length.end)
        if before in known.VAGUE:
            before = self._core(length.first - 2)
        if before == "in" and self._core(length.first - 2) in known.GOES_IN:
            before = ""
        if before in known.ARTICLES - {"a", "an", "un"} | known.TIMING | known.MODELS or after in known.AFTER_LENGTH:
            if before in known.WITHIN:
                self._leave(length.first, length.end - length.first)
            return False
        if not length.glued or not length.value.isdecimal():
            return True
        if self._tokens[length.first].raw[0] in _APOSTROPHES:
            return False
        if not (before or after):
            return True
        if before in ("a", "an", "un"):
            return after in known.FILMS and not length.decade
        if int(length.value) == 0 or (len(length.value) == 4 and length.value[0] in "12"):
            return False
        if length.decade:
            if before in known.BEFORE_DECADES:
                return False
            clear = self._ends_option(length.first)
            if int(length.value) < DECADES_FROM:
                ends = not after and before not in known.PEOPLE  # "portrait of a woman, 30s" is an age
                clear = clear or ends or (not before and after in known.DETERMINERS)
            if not clear:
                self._leave(length.first, 1)
            return clear
        if int(length.value) > GLUED_SECONDS_MAX:
            self._leave(length.first, 1)
            return False
        return True

    def _last_pair(self, end: int) -> int | None:
        """ "seed 7", "style lively", "seconds 5" at the end."""
        first = end - 2
        key, value = known.KEYS.get(self._core(first), ""), self._core(end - 1)
        if not key:
            return None
        lead, leads = first, known.PAIR_LEADS.get(key, frozenset())
        if self._core(lead - 1) in known.ARTICLES:
            if self._core(lead - 2) not in leads:
                return None  # "plants a seed 7", but "with the seed 7"
            lead -= 1
        if self._core(lead - 1) in leads:
            lead -= 1
        if self._set(key, value):
            return lead
        if key == "style" and lead == first and value.isalpha():
            self._leave(first, 2)
        return None

    def _first_pair(self, start: int) -> int | None:
        key = known.KEYS.get(self._core(start), "")
        return start + 2 if key and self._set(key, self._core(start + 1)) else None

    def _last_word(self, end: int) -> int | None:
        """ "gif", "spoiler" at the end."""
        first = end - 1
        word, before = self._core(first), self._core(first - 1)
        if word in known.LETTERBOX:
            # "the fox, letterbox", but "the cat sits on a red letterbox"
            apart = first == self._start or self._tokens[first - 1].raw.endswith(",")
            thing = known.DETERMINERS & {before, self._core(first - 2)}
            return first if (apart or not thing) and self._set("letterbox", "yes") else None
        if word in known.COVERS:
            return first if before not in known.COVER_OBJECTS and self._set("spoiler", "yes") else None
        if word not in known.FORMS:
            return None
        if before in known.ARTICLES:
            led = self._core(first - 2) in known.FORM_LEADS
            return first - 2 if led and self._set("form", word) else None
        if not self._set("form", word):
            return None
        return first - 1 if before in known.FORM_LEADS else first

    def _first_word(self, start: int) -> int | None:
        word, after = self._core(start), self._core(start + 1)
        if word in known.FORMS and after not in known.AFTER_FORM:
            return start + 1 if self._set("form", word) else None
        if word in known.COVERS and after not in known.AFTER_COVER:
            return start + 1 if self._set("spoiler", "yes") else None
        return None

    # Tokens

    def _core(self, place: int) -> str:
        """Empty beyond the words that are left."""
        return self._tokens[place].core if self._start <= place < self._end else ""

    def _back_over(self, end: int, words: AbstractSet[str]) -> int:
        while end > self._start and self._tokens[end - 1].core in words:
            end -= 1
        return end

    def _ends_option(self, place: int) -> bool:
        """Whether an option without a length stands right before."""
        alone = known.FORMS | known.COVERS | known.LETTERBOX
        return self._core(place - 2) in known.KEYS or self._core(place - 1) in alone

    def _length_at(self, place: int) -> _Length | None:
        core = self._core(place)
        found = _LENGTH.fullmatch(core) if len(core) <= TOKEN_CHARS_MAX else None
        if found is not None and found[2] in known.UNITS:
            return _Length(found[1], found[2], place, place + 1)
        unit = self._core(place + 1)
        if unit not in known.UNITS or self._tokens[place].raw[-1] in ",;:!?)":
            return None
        if found is not None and not found[2]:
            return _Length(found[1], unit, place, place + 2)
        if core in known.NUMBERS and unit in known.SPELLED_UNITS:
            return _Length(known.NUMBERS[core], unit, place, place + 2)
        return None

    def _length_before(self, end: int) -> _Length | None:
        found = (self._length_at(first) for first in (end - 2, end - 1))
        return next((length for length in found if length is not None and length.end == end), None)

    def _note_lengths(self) -> None:
        """Lengths in the middle of a sentence, and minutes."""
        for place in range(self._start, self._end):
            length = self._length_at(place)
            if length is not None:
                listed = self._core(length.end) in known.JOINTS and self._length_at(length.end + 1) is not None
                if not length.decade and not listed and self._is_length(length):
                    self._leave(length.first, length.end - length.first)
            elif self._core(place + 1) in known.MINUTES and (
                self._core(place).isdecimal() or self._core(place) in known.NUMBERS
            ):
                self._leave(place, 2)

    def _note_pairs(self) -> None:
        """ "seed 7" and "style lively" in the middle of a sentence, where they may be things in it."""
        for place in range(self._start, self._end - 1):
            key, value = known.KEYS.get(self._core(place), ""), self._core(place + 1)
            named = _WHOLE.fullmatch(value) if key == "seed" else key == "style" and value in _STYLES
            if named and self._core(place - 1) not in known.ARTICLES:
                self._leave(place, 2)

    def _leave(self, place: int, count: int) -> None:
        self._unread.append(self._tokens[place : place + count])

    def _set(self, key: str, value: str) -> bool:
        """False where the value is none of this option, or the option was given before."""
        wish, value = self._wish, value.strip(_OPENING + _CLOSING + "#")
        match key:
            case "seed" if wish.seed is None and _WHOLE.fullmatch(value):
                wish.seed = value
            case "seconds" if wish.seconds is None and (found := _LENGTH.fullmatch(value)):
                if found[2] and found[2] not in known.UNITS:
                    return False
                wish.seconds = found[1]
            case "style" if wish.style is None and value in _STYLES:
                wish.style = _STYLES[value]
            case "form" if wish.form is None and value in known.FORMS:
                wish.form = value
            case "spoiler" if not wish.spoiler and value in known.YES:
                wish.spoiler = True
            case "letterbox" if not wish.letterbox:
                wish.letterbox = True
            case _:
                return False
        return True


def _token(text: str, found: re.Match[str]) -> _Token:
    core = found[0].casefold().lstrip(_OPENING).rstrip(_CLOSING)
    if dashes := _DASHED_NUMBER.match(core):
        core = core[dashes.end() :]
    apart = found.start() > 0 and text[found.start() - 1].isspace()
    return _Token(found[0], "" if not core.strip(_LINKS) else core, apart)


def _joined(tokens: list[_Token]) -> str:
    return "".join(" " + token.raw if token.apart else token.raw for token in tokens).strip()
