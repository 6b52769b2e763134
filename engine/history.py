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
        # Cut before they are joined: the nearest latents would otherwise keep a copy of all of them alive.
        known = [part[:, :, :CONTEXT] for part in (latents, conditioning.end) if part is not None]
        history = torch.cat([*known, zeros], dim=2)[:, :, :CONTEXT]
        near_1x, near_2x, near_4x = history.split([CONTEXT_1X, CONTEXT_2X, CONTEXT_4X], dim=2)
    else:
        assert latents is not None
        history = torch.cat([zeros, latents[:, :, -CONTEXT:]], dim=2)[:, :, -CONTEXT:]
        near_4x, near_2x, near_1x = history.split([CONTEXT_4X, CONTEXT_2X, CONTEXT_1X], dim=2)
    return Context(
        indices=plan.indices(section),
        clean=torch.cat([start, near_1x], dim=2).to(device),
        history_2x=near_2x.to(device),
        history_4x=near_4x.to(device),
        image=conditioning.image,
    )


class Latents:
    """A film's latents, filled in from its end (inverted) or from its start (forward).

    One buffer for all of them: joined anew for each section they would be in memory twice, and in pieces.
    """

    def __init__(self, plan: Plan, start: Tensor, drawn: Tensor | None) -> None:
        """start: (1, C, 1, h, w), the start picture's latent.  drawn: those of a film that goes on, in film order."""
        self._inverted = plan.inverted
        self._start = start
        self._length = plan.latents_after(plan.sections - 1)
        self._buffer = start.new_empty(1, start.shape[1], self._length, *start.shape[3:])
        self._count = 0
        if drawn is not None:
            self._put(drawn)
        elif not plan.inverted:
            self._put(start)

    @property
    def drawn(self) -> Tensor | None:
        """A view, in film order, that later sections do not change; None before there are any."""
        if self._count == 0:
            return None
        return self._buffer[:, :, -self._count :] if self._inverted else self._buffer[:, :, : self._count]

    def add(self, new: Tensor) -> Tensor:
        """Put in a section, and the start latent where nothing but it is missing then. Returns what is drawn now."""
        self._put(new)
        if self._inverted and self._count == self._length - 1:
            self._put(self._start)
        assert self.drawn is not None
        return self.drawn

    def _put(self, new: Tensor) -> None:
        before, self._count = self._count, self._count + new.shape[2]
        first = self._length - self._count if self._inverted else before
        self._buffer[:, :, first : first + new.shape[2]] = new


def newest_at(plan: Plan, section: int, latents: Tensor, drawn: int) -> Tensor:
    """The latents that were newest when this section had just been drawn, of a film with `drawn` sections."""
    length = plan.window(section)
    if plan.inverted:
        first = plan.latents_after(drawn - 1) - plan.latents_after(section)
        return latents[:, :, first : first + length]
    end = plan.latents_after(section)
    return latents[:, :, end - length : end]
