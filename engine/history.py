"""The latents drawn so far: what the next section sees of them, and which of them are decoded.

Latents are (1, C, T, h, w) float32 on the CPU, in film order: a few megabytes even for two minutes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.backbone import Context
from engine.conditioning import Conditioning
from engine.plan import CONTEXT, CONTEXT_1X, CONTEXT_2X, CONTEXT_4X, Plan


def pack_context(
    plan: Plan, section: int, latents: Tensor | None, conditioning: Conditioning, device: torch.device
) -> Context:
    """Pack the start latent and the nearest history; where there is no history yet, it is zero."""
    start = conditioning.start
    zeros = start.new_zeros(1, start.shape[1], CONTEXT, *start.shape[3:])
    if plan.inverted:
        # An end picture stands where the film's history ends: first it is the nearest of it, later it recedes.
        known = [part for part in (latents, conditioning.end) if part is not None]
        history = torch.cat([*known, zeros], dim=2)[:, :, :CONTEXT]
        near_1x, near_2x, near_4x = history.split([CONTEXT_1X, CONTEXT_2X, CONTEXT_4X], dim=2)
    else:
        assert latents is not None
        history = torch.cat([zeros, latents], dim=2)[:, :, -CONTEXT:]
        near_4x, near_2x, near_1x = history.split([CONTEXT_4X, CONTEXT_2X, CONTEXT_1X], dim=2)
    return Context(
        indices=plan.indices(section),
        clean=torch.cat([start, near_1x], dim=2).to(device),
        history_2x=near_2x.to(device),
        history_4x=near_4x.to(device),
        image=conditioning.image,
    )


def add_section(plan: Plan, section: int, latents: Tensor | None, new: Tensor, start: Tensor) -> Tensor:
    if not plan.inverted:
        assert latents is not None
        return torch.cat([latents, new], dim=2)
    parts = [start] if section == plan.sections - 1 else []
    parts.append(new)
    if latents is not None:
        parts.append(latents)
    return torch.cat(parts, dim=2)


def newest_at(plan: Plan, section: int, latents: Tensor, drawn: int) -> Tensor:
    """The latents that were newest when this section had just been drawn, of a film with `drawn` sections."""
    length = plan.window(section)
    if plan.inverted:
        first = plan.latents_after(drawn - 1) - plan.latents_after(section)
        return latents[:, :, first : first + length]
    end = plan.latents_after(section)
    return latents[:, :, end - length : end]
