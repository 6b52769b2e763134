"""The models Flipbook knows, as facts that bot and engine share. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from storage.errors import SettingsError
from storage.jobs import Schedule
from storage.vocabulary import CAMERA_AND_LIGHT, Vocabulary

FRAMEPACK_PASS_MS = 30_000
"""A slow gaming card, of the RTX 3060's kind: a host must not promise days of work before it has drawn anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    name: str
    schedules: tuple[Schedule, ...]
    """Those it was trained for; the first is its default."""
    size: int
    """Default bucket class in pixels."""
    steps: int
    pass_ms: int
    """GPU time of one network pass at 640 pixels, taken for granted until a section was measured on the host's card."""
    built_in: bool = False
    """Ships with Flipbook, or is made on first use: needs no weights folder."""
    note: str = ""
    """One clause for people, where a model needs explaining; empty otherwise."""
    seed_varies: bool = True
    """False: another seed gives nearly the same film, so that only other words make another one."""
    moves_ms: int | None = None
    """Beyond this length the camera stands still for a while; None: at no length."""
    vocabulary: Vocabulary | None = None
    """What it understands, where that is little; None: anything may be asked of it."""


MODELS = {
    card.name: card
    for card in (
        ModelCard(
            name="little",
            schedules=(Schedule.INVERTED, Schedule.FORWARD),
            size=128,
            # Its first answer is its best: at noise alone it was taught most (bench.little, with --steps).
            steps=1,
            pass_ms=2_000,
            built_in=True,
            note="small: it moves the camera and the light, and nothing else",
            seed_varies=False,
            # Four sections: from the fifth on, FramePack gives several of them the same place in time.
            moves_ms=5_399,
            vocabulary=CAMERA_AND_LIGHT,
        ),
        ModelCard(
            name="tiny",
            schedules=(Schedule.INVERTED, Schedule.FORWARD),
            size=256,
            steps=6,
            pass_ms=2_000,
            built_in=True,
            note="untrained: its films are noise and prove only that the machinery works",
        ),
        ModelCard(name="framepack", schedules=(Schedule.INVERTED,), size=640, steps=25, pass_ms=FRAMEPACK_PASS_MS),
        ModelCard(name="framepack-f1", schedules=(Schedule.FORWARD,), size=640, steps=25, pass_ms=FRAMEPACK_PASS_MS),
    )
}


def model_card(name: str) -> ModelCard:
    """Raises SettingsError for a model Flipbook does not know."""
    try:
        return MODELS[name]
    except KeyError:
        known = ", ".join(MODELS)
        raise SettingsError(f'engine.model = "{name}" is not a model Flipbook knows; choose one of: {known}.') from None
