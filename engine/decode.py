"""Decoded windows to final frames: a linear blend where windows overlap, holding no more than the overlap.

An inverted film becomes final from its end toward its beginning, a forward film the other way round; both
emit segments that meet exactly, so that no part of the engine ever holds a whole film of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Frames that no later section will change."""

    section: int
    first_frame: int
    """In the finished film."""
    frames: Tensor
    """(1, 3, T, H, W) float32 on the CPU, about −1 to 1, not clamped."""


class Blender:
    """Takes every section's decoded window in order of generation and gives the frames that have become final."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._pending: Tensor | None = None

    def skip(self, section: int, window: Tensor) -> None:
        """As `add`, for a section whose segment is kept elsewhere: only what its neighbour will blend with."""
        plan = self._plan
        pending = window[:, :, : plan.overlap] if plan.inverted else window[:, :, -plan.overlap :]
        # A copy of its own: a view would keep the whole window alive.
        self._pending = None if section == plan.sections - 1 else pending.clone()

    def add(self, section: int, window: Tensor) -> Segment | None:
        """Blend a window with what is pending.

        window: (1, 3, T, H, W), `plan.window(section)` latents decoded.  Returns None where nothing is final yet.
        """
        plan = self._plan
        blended = window if self._pending is None else self._blend(window, self._pending)
        self.skip(section, window)
        span = plan.segment(section)
        if span.count == 0:
            return None
        frames = blended[:, :, -span.count :] if plan.inverted else blended[:, :, : span.count]
        return Segment(section=section, first_frame=span.first_frame, frames=frames)

    def _blend(self, window: Tensor, pending: Tensor) -> Tensor:
        """Fade from the earlier frames in film time into the later ones, over the overlap."""
        overlap = self._plan.overlap
        fade = torch.linspace(1, 0, overlap).view(1, 1, -1, 1, 1)
        if self._plan.inverted:
            seam = fade * window[:, :, -overlap:] + (1 - fade) * pending
            return torch.cat([window[:, :, :-overlap], seam], dim=2)
        seam = fade * pending + (1 - fade) * window[:, :, :overlap]
        return torch.cat([seam, window[:, :, overlap:]], dim=2)
