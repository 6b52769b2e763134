"""The models Flipbook knows, as facts that bot and engine share. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from storage.errors import SettingsError
from storage.jobs import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    name: str
    schedules: tuple[Schedule, ...]
    """Those it was trained for; the first is its default."""
    size: int
    """Default bucket class in pixels."""
    steps: int
    built_in: bool = False
    """Ships with Flipbook, or is made on first use: needs no weights folder."""
    note: str
    """One clause for people, where a model needs explaining; empty otherwise."""


MODELS = {
    card.name: card
    for card in (
        ModelCard(
            name="little",
            schedules=(Schedule.INVERTED, Schedule.FORWARD),
            size=128,
            # Its first answer is its best: at noise alone it was taught most (bench.little, with --steps).
            steps=1,
            built_in=True,
            note="small: it moves the camera and the light, and nothing else",
        ),
        ModelCard(
            name="tiny",
            schedules=(Schedule.INVERTED, Schedule.FORWARD),
            size=256,
            steps=6,
            built_in=True,
            note="untrained: its films are noise and prove only that the machinery works",
        ),
        ModelCard(name="framepack", schedules=(Schedule.INVERTED,), size=640, steps=25, note=""),
        ModelCard(name="framepack-f1", schedules=(Schedule.FORWARD,), size=640, steps=25, note=""),
    )
}


def model_card(name: str) -> ModelCard:
    """Raises SettingsError for a model Flipbook does not know."""
    try:
        return MODELS[name]
    except KeyError:
        known = ", ".join(MODELS)
        raise SettingsError(f'engine.model = "{name}" is not a model Flipbook knows; choose one of: {known}.') from None
