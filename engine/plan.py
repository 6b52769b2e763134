"""A film's plan: sections, places on the time axis, bucket, noise levels and frame spans. Arithmetic only, no torch.

Source: FramePack (Zhang and Agrawala 2025, arXiv 2504.12626) and its published programs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate, pairwise

from storage.buckets import bucket
from storage.jobs import LATENT_WINDOW, Schedule, section_count

TEMPORAL_RATIO = 4
"""Frames per latent, but for the film's first latent, which is one frame."""
SPATIAL_RATIO = 8
"""Pixels per latent, each way."""
PATCH = 2
"""Latents per token, each way."""
CONTEXT_1X, CONTEXT_2X, CONTEXT_4X = 1, 2, 16
CONTEXT = CONTEXT_1X + CONTEXT_2X + CONTEXT_4X
"""Latents of history that a section sees, nearest first: one as it is, two at half, sixteen at a quarter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indices:
    """Where the parts of a section's context stand on the time axis, in latents."""

    start: tuple[int, ...]
    noise: tuple[int, ...]
    near_1x: tuple[int, ...]
    near_2x: tuple[int, ...]
    near_4x: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSpan:
    """A run of frames in the finished film."""

    first_frame: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that decides a film's shape. Sections are numbered from 0 in order of generation."""

    sections: int
    schedule: Schedule
    steps: int
    """Model calls per section."""
    height: int
    """Pixels, a multiple of 16."""
    width: int
    latent_window_size: int = LATENT_WINDOW
    """Latents drawn per section (W)."""

    def __post_init__(self) -> None:
        if min(self.sections, self.steps, self.latent_window_size, self.height, self.width) < 1:
            raise ValueError(f"a plan's numbers are positive: {self}")
        if self.height % (SPATIAL_RATIO * PATCH) or self.width % (SPATIAL_RATIO * PATCH):
            raise ValueError(f"sides are multiples of 16, not {self.height}x{self.width}")

    @property
    def inverted(self) -> bool:
        return self.schedule is Schedule.INVERTED

    @property
    def frames(self) -> int:
        """Frames of the finished film: 4·W·S + 1."""
        return TEMPORAL_RATIO * self.latent_window_size * self.sections + 1

    @property
    def latent_height(self) -> int:
        return self.height // SPATIAL_RATIO

    @property
    def latent_width(self) -> int:
        return self.width // SPATIAL_RATIO

    @property
    def paddings(self) -> tuple[int, ...]:
        """Sections left blank between the start picture and each section; all 0 in the forward schedule.

        Beyond four sections the inverted program repeats 2, which it was tuned to draw best.
        """
        count = self.sections
        if not self.inverted:
            return (0,) * count
        return tuple(reversed(range(count))) if count <= 4 else (3, *[2] * (count - 3), 1, 0)

    @property
    def sigmas(self) -> tuple[float, ...]:
        """Noise levels of a section, steps + 1 from 1 down to 0, moved toward noise for large pictures.

        Source: Esser et al. 2024, resolution-dependent shift; exp(mu) is at most 7, as FramePack was trained.
        """
        tokens = self.latent_window_size * self.latent_height * self.latent_width / PATCH**2
        mu = min(0.5 + (1.15 - 0.5) * (tokens - 256) / (4096 - 256), math.log(7))
        shift = math.exp(mu)
        levels = (1 - step / self.steps for step in range(self.steps))
        return (*(shift / (shift + 1 / level - 1) for level in levels), 0.0)

    def indices(self, section: int) -> Indices:
        window = self.latent_window_size
        if self.inverted:
            # [start | blank | noise | 1x | 2x | 4x]: the history lies after the section.
            blank = self.paddings[section] * window
            start, _, noise, near_1x, near_2x, near_4x = _split(1, blank, window, CONTEXT_1X, CONTEXT_2X, CONTEXT_4X)
        else:
            # [start | 4x | 2x | 1x | noise]: the history lies before it.
            start, near_4x, near_2x, near_1x, noise = _split(1, CONTEXT_4X, CONTEXT_2X, CONTEXT_1X, window)
        return Indices(start=start, noise=noise, near_1x=near_1x, near_2x=near_2x, near_4x=near_4x)

    def latents_after(self, section: int) -> int:
        """Latents of the film that exist once this section is drawn, the start latent included where it is in."""
        start_is_in = not self.inverted or section == self.sections - 1
        return self.latent_window_size * (section + 1) + start_is_in

    def window(self, section: int) -> int:
        """Newest latents to decode once this section is drawn.

        All of them for the first section, later 2·W (one more where the start latent has just come in). The
        decoder's GroupNorm spans time, so that any other window would give other pixels.
        """
        last_inverted = self.inverted and section == self.sections - 1
        return min(self.latents_after(section), 2 * self.latent_window_size + last_inverted)

    @property
    def overlap(self) -> int:
        """Frames over which a section's window is blended with its neighbour's: 4·W − 3."""
        return TEMPORAL_RATIO * self.latent_window_size - 3

    def segment(self, section: int) -> FrameSpan:
        """The frames that become final with this section; none after the first of several inverted ones."""
        before, after = self._final_frames(section - 1), self._final_frames(section)
        first_frame = self.frames - after if self.inverted else before
        return FrameSpan(first_frame=first_frame, count=after - before)

    def _final_frames(self, section: int) -> int:
        if section < 0:
            return 0
        if section == self.sections - 1:
            return self.frames
        decoded = TEMPORAL_RATIO * self.latents_after(section) - (TEMPORAL_RATIO - 1)
        return decoded - self.overlap


def plan_film(
    *, duration_ms: int, schedule: Schedule, steps: int, size: int, picture_height: int, picture_width: int
) -> Plan:
    """The plan of a film of this length from a picture of these sides, in the bucket class `size`."""
    height, width = bucket(picture_height, picture_width, size)
    return Plan(sections=section_count(duration_ms), schedule=schedule, steps=steps, height=height, width=width)


def _split(*sizes: int) -> list[tuple[int, ...]]:
    """Consecutive integers from 0, in runs of these sizes."""
    return [tuple(range(first, end)) for first, end in pairwise(accumulate(sizes, initial=0))]
