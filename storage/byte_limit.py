"""Which quality meets a byte limit: few tries, since each one encodes a whole film."""

from __future__ import annotations

import math
from dataclasses import dataclass

_TRIES = 5
_CRF_SOURCE = 18
"""Of the films we write."""
_CRF_MAX = 34
"""Beyond it a smaller film looks better than a coarser one."""
_STEPS_PER_HALF = 6
"""x264 usually halves its bytes every six steps of CRF; grain vanishes far faster."""
_SIDE_MIN = 128
_GOOD_SHARE = 0.6
"""A film that uses this much of the limit is near enough to the best one."""
_AIM = math.log2(0.85)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One way to encode the film."""

    place: int
    """On the search's one axis from good to bad: CRF up to 34, from there ever smaller sides."""
    crf: int
    sides: tuple[int, int]


class Search:
    """Finds the least reduction that fits, by interpolating between what was tried.

    Usage: encode each `next_step()` until it is None, and `learn` its outcome; the best is in `found`.
    """

    def __init__(self, *, excess: float, sides: tuple[int, int]) -> None:
        """excess: bytes of the source relative to the limit, above 1.  sides: its width and height."""
        self.found: Step | None = None
        self._sides = sides
        self._tries = 0
        self._too_big = (_CRF_SOURCE, math.log2(excess))
        self._fits: tuple[int, float] | None = None
        self._last = _CRF_MAX + max(0, math.floor(2 * _STEPS_PER_HALF * math.log2(min(sides) / _SIDE_MIN)))

    def next_step(self) -> Step | None:
        if self._tries == _TRIES or (self._fits is not None and self._fits[1] > math.log2(_GOOD_SHARE)):
            return None
        place, weight = self._too_big
        if self._fits is None:
            wanted = place + _STEPS_PER_HALF * (weight - _AIM)
            # Quality first: sides shrink only once the lowest quality is known not to fit.
            limit = _CRF_MAX if place < _CRF_MAX else self._last
        else:
            fits_at, fits_weight = self._fits
            wanted = place + (fits_at - place) * (weight - _AIM) / (weight - fits_weight)
            limit = fits_at - 1
        if place >= limit:
            return None
        return self._step(min(limit, max(place + 1, round(wanted))))

    def learn(self, step: Step, excess: float) -> None:
        """excess: bytes of that step relative to the limit, estimated where it was given up beyond it."""
        self._tries += 1
        if excess <= 1:
            self.found, self._fits = step, (step.place, math.log2(excess))
        else:
            self._too_big = (step.place, math.log2(excess))

    def _step(self, place: int) -> Step:
        scale = 2 ** (min(0, _CRF_MAX - place) / (2 * _STEPS_PER_HALF))
        width, height = (max(2, 2 * round(side * scale / 2)) for side in self._sides)
        return Step(place=place, crf=min(place, _CRF_MAX), sides=(width, height))
