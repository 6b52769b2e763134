"""How long a film will take on this card, from the sections drawn lately."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from storage.jobs import FilmParams, section_count
from storage.schema import pace

PASS_MS = 2_000
"""Of GPU time for one network pass at 640 pixels, until something is measured: a mid-range gaming card."""
MEMORY = 8
"""A new section moves the pace by an eighth of the difference: one hiccup is forgotten soon."""


def network_passes(params: FilmParams) -> int:
    """For one section. True guidance runs the network twice a step."""
    return params.steps * (2 if params.true_cfg_scale > 1 else 1)


def estimate_ms(db: Connection, params: FilmParams) -> int:
    """GPU time of the whole film: measured at the same model, size and passes, else scaled from the nearest."""
    passes = network_passes(params)
    known = db.execute(select(pace).where(pace.c.model == params.model)).all()
    work = passes * params.size**2
    if known:
        nearest = min(known, key=lambda row: (abs(row.passes * row.size**2 - work), -row.samples))
        section_ms = nearest.section_ms * work / (nearest.passes * nearest.size**2)
    else:
        section_ms = PASS_MS * work / 640**2
    return round(section_ms * section_count(params.duration_ms))


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
