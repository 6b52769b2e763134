"""The quota that a card can bear: film time that it draws in some hours, as fast as it is known to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection

from storage.estimates import passes, section_ms
from storage.jobs import SECTION_MS, drawn_ms
from storage.models import model_card
from storage.quota import Tariff
from storage.settings import QuotaSettings, Settings

HOUR_MS = 3_600_000
BURST_MS = 120_000
"""Where nothing is known of the host: the longest film that FramePack's authors show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualFilm:
    """What this host draws where a member says no more than a prompt."""

    model: str
    size: int
    passes: int
    """Of the network, for one section."""
    default_ms: int
    """Its length: the least that a member can have at once."""
    longest_ms: int
    """Of any film here: the most that a member can have at once."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        engine, film, card = settings.engine, settings.film, model_card(settings.engine.model)
        return cls(
            model=card.name,
            size=engine.size or card.size,
            passes=passes(engine.steps or card.steps, engine.true_cfg_scale),
            default_ms=drawn_ms(round(1000 * film.seconds_default)),
            longest_ms=drawn_ms(round(1000 * film.seconds_max)),
        )


def tariff(db: Connection, settings: QuotaSettings, usual: UsualFilm | None) -> Tariff:
    """Seconds that the settings name win; else the burst is what the card draws in `burst_hours`, within bounds."""
    burst_ms = BURST_MS
    if usual is not None and settings.burst_s is None:
        burst_ms = _bearable_ms(db, settings, usual)
    return Tariff.of(settings, default_ms=burst_ms)


def card_ms(db: Connection, film_ms: int, usual: UsualFilm | None) -> int | None:
    """GPU time of so much film; None where nothing is known of the host."""
    return None if usual is None else round(_section_ms(db, usual) * film_ms / SECTION_MS)


def _bearable_ms(db: Connection, settings: QuotaSettings, usual: UsualFilm) -> int:
    # Whole sections: what is told to members does not change with every hiccup of the card.
    sections = int(settings.burst_hours * HOUR_MS / max(1.0, _section_ms(db, usual)))
    return max(usual.default_ms, min(sections * SECTION_MS, usual.longest_ms))


def _section_ms(db: Connection, usual: UsualFilm) -> float:
    return section_ms(db, model=usual.model, size=usual.size, passes=usual.passes)
