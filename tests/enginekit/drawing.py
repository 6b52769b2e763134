"""The smallest films that still take every path, and what came out of them as one value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.conditioning import Conditioning, Prompt
from engine.film import Event, Finished, SectionDecoded
from engine.plan import Plan
from storage.jobs import Schedule


def small_plan(schedule: Schedule = Schedule.INVERTED, *, sections: int = 3, steps: int = 3) -> Plan:
    """Sections of two latents at 32x48 pixels."""
    return Plan(sections=sections, schedule=schedule, steps=steps, height=32, width=48, latent_window_size=2)


def random_conditioning(plan: Plan, *, end: bool = False, negative: bool = False, seed: int = 0) -> Conditioning:
    """Of the tiny set's widths."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def prompt() -> Prompt:
        return Prompt(text=draw(1, 9, 32), mask=torch.arange(9).unsqueeze(0) < 6, pooled=draw(1, 24))

    def latent() -> Tensor:
        return draw(1, 16, 1, plan.latent_height, plan.latent_width)

    return Conditioning(
        prompt=prompt(),
        image=draw(1, 4, 20),
        start=latent(),
        end=latent() if end else None,
        negative=prompt() if negative else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    latents: Tensor
    segments: dict[int, Tensor]
    """Frames by their first frame's number."""

    def frames(self) -> Tensor:
        """All segments in film order, which must meet exactly."""
        expected = 0
        for first_frame, frames in sorted(self.segments.items()):
            assert first_frame == expected
            expected += frames.shape[2]
        return torch.cat([frames for _, frames in sorted(self.segments.items())], dim=2)


def finish(events: Iterable[Event]) -> Film:
    """Run a film to its end."""
    segments: dict[int, Tensor] = {}
    for event in events:
        match event:
            case SectionDecoded(segment=segment) if segment is not None:
                segments[segment.first_frame] = segment.frames
            case Finished():
                return Film(latents=event.latents, segments=segments)
            case _:
                pass
    raise AssertionError("the film did not finish")
