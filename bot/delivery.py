"""The ladder down which a film goes until a platform takes it: whole, in lower quality, smaller, as a GIF alone."""

from __future__ import annotations

import asyncio
import itertools
import logging
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from bot.chat import PlaceClosed, View
from bot.encode import Copy, film_copy, gif_copy
from bot.kept import scratch_folder
from bot.lanes import aside
from bot.wording import table
from storage.errors import FilmFailed
from storage.jobs import Status
from storage.settings import Form

AIM = 0.95
"""Of what a platform takes: its count includes what surrounds a file."""
STEP = 0.8
"""Of what was refused: the limit was not what it was said to be."""
BYTES_MIN = 10_000
"""Below it nothing is worth sending."""


log = logging.getLogger(__name__)


class MakeCopy(Protocol):
    """`bot.encode.film_copy` or its sister for GIFs."""

    async def __call__(self, source: Path, target: Path, *, bytes_max: int) -> Copy | None: ...


class TooLarge(PlaceClosed):
    """Nothing that is left of the film is taken here: it is kept, and its requester told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What to send now."""

    files: tuple[Path, ...]
    """The film first where there are two. Readable until the ladder is left."""
    reduced: str = ""
    """In the member's language, what was given up; empty where nothing was."""

    @property
    def byte_count(self) -> int:
        return sum(_bytes(path) for path in self.files)


def wished_form(status: Status, otherwise: Form) -> Form:
    """As what its requester asked for the film; otherwise: as what its community wishes it."""
    forms: dict[str, Form] = {"gif": "gif", "mp4": "mp4"}
    return forms.get(status.params.form, otherwise)


class Ladder:
    """Files to send, each rung smaller than the one before.

    `async with Ladder(…) as ladder: while True: parcel = await ladder.rung()` … and `ladder.refused()` where the
    platform said that it was too large.
    """

    def __init__(self, view: View, *, bytes_max: int, form: Form, data_folder: Path) -> None:
        """view: of a film that is done. bytes_max: what the platform takes in one message, as far as it is known."""
        if view.media is None:
            raise ValueError("a film without a film")
        self._film = view.media
        self._gif = view.gif
        self._words = table(view.status.member.locale)
        self._form: Form = form
        self._data_folder = data_folder
        self._limit = int(AIM * bytes_max)
        self._offered = 0
        self._names = itertools.count()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    async def __aenter__(self) -> Ladder:
        self._scratch = await asyncio.to_thread(scratch_folder, self._data_folder)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._scratch is not None:
            await asyncio.to_thread(self._scratch.cleanup)
            self._scratch = None

    async def rung(self) -> Parcel:
        """The best that fits, or fits again after a refusal; encoding may take minutes, in a process of its own.

        Raises TooLarge where nothing is left.
        """
        ways: dict[Form, tuple[Callable[[], Awaitable[Parcel | None]], ...]] = {
            "both": (self._as_both, self._as_film, self._as_gif),
            "mp4": (self._as_film, self._as_gif),
            "gif": (self._as_gif, self._as_film),
        }
        if self._limit >= BYTES_MIN:
            for way in ways[self._form]:
                if (parcel := await way()) is not None:
                    self._offered = parcel.byte_count
                    return parcel
        raise TooLarge(f"no copy of {self._film.name} fits into {self._limit} bytes")

    def refused(self, *, floor: int = 0) -> None:
        """The platform said too large: what comes next aims well below it.

        floor: bytes that it takes for all that is known; what was larger is followed by what fits into that.
        """
        aim = int(AIM * floor)
        self._limit = aim if self._offered > floor > 0 else min(int(STEP * self._offered), int(STEP * self._limit))

    async def _as_both(self) -> Parcel | None:
        if self._gif is None or _bytes(self._film) + _bytes(self._gif) > self._limit:
            return None
        return Parcel(files=(self._film, self._gif))

    async def _as_film(self) -> Parcel | None:
        if _bytes(self._film) <= self._limit:
            return Parcel(files=(self._film,))
        copy = await self._smaller(film_copy, ".mp4")
        if copy is None:
            return None
        reduced = self._words.reduced_quality
        if copy.smaller_sides:
            reduced = self._words.reduced_sides.format(width=copy.width, height=copy.height)
        return Parcel(files=(copy.path,), reduced=reduced)

    async def _as_gif(self) -> Parcel | None:
        wanted = self._form == "gif"
        if self._gif is not None and _bytes(self._gif) <= self._limit:
            return Parcel(files=(self._gif,), reduced="" if wanted else self._words.reduced_to_gif)
        copy = await self._smaller(gif_copy, ".gif")
        if copy is None:
            return None
        smaller = self._words.reduced_sides.format(width=copy.width, height=copy.height)
        return Parcel(files=(copy.path,), reduced=smaller if wanted else self._words.reduced_to_gif)

    async def _smaller(self, make: MakeCopy, suffix: str) -> Copy | None:
        """None where none fits or none can be made: either way the next rung is all that is left."""
        try:
            async with aside():
                return await make(self._film, self._target(suffix), bytes_max=self._limit)
        except (FilmFailed, TimeoutError) as exc:
            log.warning("film not made smaller", extra={"film": self._film.name, "reason": exc})
            return None

    def _target(self, suffix: str) -> Path:
        """A name of its own for each copy: an earlier one may still be held open (Windows)."""
        if self._scratch is None:
            raise RuntimeError("the ladder is used outside its block")
        return Path(self._scratch.name) / f"{self._film.stem}-{next(self._names)}{suffix}"


def _bytes(path: Path) -> int:
    return path.stat().st_size
