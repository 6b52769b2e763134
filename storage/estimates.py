"""How long a film will take on this card, from the sections drawn lately."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from storage.jobs import FilmParams, section_count
from storage.models import MODELS
from storage.schema import pace

PASS_MS = 2_000
"""Of GPU time for one network pass at 640 pixels, until something is measured: of a model that nobody knows."""
MEMORY = 8
"""A new section moves the pace by an eighth of the difference: one hiccup is forgotten soon."""


def network_passes(params: FilmParams) -> int:
    """For one section. True guidance runs the network twice a step."""
    return passes(params.steps, params.true_cfg_scale)


def passes(steps: int, true_cfg_scale: float) -> int:
    return steps * (2 if true_cfg_scale > 1 else 1)


def estimate_ms(db: Connection, params: FilmParams) -> int:
    """GPU time of the whole film."""
    one_ms = section_ms(db, model=params.model, size=params.size, passes=network_passes(params))
    return round(one_ms * section_count(params.duration_ms))


def section_ms(db: Connection, *, model: str, size: int, passes: int) -> float:
    """GPU time of a section: measured at the same model, size and passes, else scaled from the nearest."""
    known = db.execute(select(pace).where(pace.c.model == model)).all()
    work = passes * size**2
    if known:
        nearest = min(known, key=lambda row: (abs(row.passes * row.size**2 - work), -row.samples))
        return nearest.section_ms * work / (nearest.passes * nearest.size**2)
    card = MODELS.get(model)
    return (PASS_MS if card is None else card.pass_ms) * work / 640**2


def record_section(db: Connection, params: FilmParams, gpu_ms: int) -> None:
    """Let a section's GPU time count for the estimates to come."""
    key = {"model": params.model, "size": params.size, "passes": network_passes(params)}
    same = [pace.c[name] == value for name, value in key.items()]
    row = db.execute(select(pace).where(*same).with_for_update()).one_or_none()
    if row is None:
        db.execute(insert(pace).values(**key, section_ms=gpu_ms, samples=1))
        return
    samples = row.samples + 1
    step = (gpu_ms - row.section_ms) / min(samples, MEMORY)
    db.execute(update(pace).where(*same).values(section_ms=round(row.section_ms + step), samples=samples))
