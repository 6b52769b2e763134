"""What is kept of a film under way, and how it is found again.

Each section keeps its own latents in the media folder, so that what a film writes grows with its length and not
with the square of it. Within a section, one file in the work folder keeps the sampler's state.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from engine.checkpoint import Checkpoint, CheckpointRefused
from engine.plan import Plan

log = logging.getLogger(__name__)


def section_part(checkpoint: Checkpoint, plan: Plan) -> Checkpoint:
    """A checkpoint taken between sections, with the latents of its newest section alone."""
    assert checkpoint.latents is not None
    section = checkpoint.sections_drawn - 1
    count = _own_latents(plan, section)
    latents = checkpoint.latents
    own = latents[:, :, :count] if plan.inverted else latents[:, :, -count:]
    return replace(checkpoint, latents=own)


def step_part(checkpoint: Checkpoint) -> Checkpoint:
    """A checkpoint taken within a section, without the latents that its sections keep already."""
    # Before the first section there is only a forward film's start latent, which no section keeps yet.
    return checkpoint if checkpoint.sections_drawn == 0 else replace(checkpoint, latents=None)


def restore(sections: Sequence[Path], step: Path, *, plan: Plan, film: str) -> Checkpoint | None:
    """The furthest point that can be gone on from; None where that is the beginning.

    sections: files of `section_part`, in order of generation.  step: file of `step_part`, may be absent.
    A part that is missing, damaged or of another film ends the run of sections; it is drawn again.
    """
    parts: list[Checkpoint] = []
    for path in sections:
        part = _load(path, film)
        if part is None or part.sections_drawn != len(parts) + 1:
            break
        parts.append(part)
    within = _load(step, film)
    if within is None or within.sections_drawn != len(parts):
        if not parts:
            return None
        within = parts[-1]
    if not parts:
        return within
    latents = [part.latents for part in parts if part.latents is not None]
    ordered = reversed(latents) if plan.inverted else latents
    return replace(within, latents=torch.cat(list(ordered), dim=2))


def _own_latents(plan: Plan, section: int) -> int:
    """Latents that this section brought into the film; the start latent comes with the last or the first."""
    return plan.latents_after(section) - (plan.latents_after(section - 1) if section > 0 else 0)


def _load(path: Path, film: str) -> Checkpoint | None:
    try:
        return Checkpoint.load(path, film=film)
    except FileNotFoundError:
        return None
    except CheckpointRefused as exc:
        log.warning("checkpoint not used", extra={"file": path.name, "reason": str(exc)})
        return None
