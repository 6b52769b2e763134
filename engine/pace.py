"""How long the rest of a film will take, from what its own steps took."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Pace:
    """Measured while a film is drawn. Times are seconds on any steady clock, handed in.

    A step's time is smoothed: the first one pays for warm-up, and a desktop takes the card now and then.
    """

    sections: int
    steps: int
    _step_s: float | None = field(default=None, init=False)
    _finish_s: float | None = field(default=None, init=False)
    """Decoding and encoding of one section."""

    def step_took(self, seconds: float) -> None:
        self._step_s = _smooth(self._step_s, seconds)

    def section_finished(self, seconds: float) -> None:
        """seconds: from its last step to the last of its frames written."""
        self._finish_s = _smooth(self._finish_s, seconds)

    def eta_ms(self, *, section: int, step: int) -> int | None:
        """Milliseconds until the film is whole; None until a step has been timed.

        section, step: finished steps of the section being drawn, both from 0.
        """
        if self._step_s is None:
            return None
        sections_left = self.sections - section
        steps_left = sections_left * self.steps - step
        # Before the first section is decoded nothing is known of decoding; FRAMEPACK's own ratio is about two steps.
        finish_s = 2 * self._step_s if self._finish_s is None else self._finish_s
        return round(1000 * (steps_left * self._step_s + sections_left * finish_s))


def _smooth(old: float | None, new: float) -> float:
    return new if old is None else 0.7 * old + 0.3 * new
