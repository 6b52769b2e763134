"""Pictures drawn by code, a whole batch at once on any device: all that the little model has ever seen.

Gradients, 1/f noise, Julia sets and stripes through random palettes; over them dead leaves, glyph strokes and one
larger subject. No data set, no downloads; the same generator state draws the same pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_PALETTE = 4
_JULIA_ROUNDS = 12
_SHAPE_KINDS = 5
SHAPES_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """A batch of pictures in two layers, so that the subject can move alone."""

    background: Tensor
    """(B, 3, H, W) in 0 to 1."""
    subject: Tensor
    """(B, 4, H, W): colour, already multiplied by the coverage in the last channel."""

    @property
    def flat(self) -> Tensor:
        """(B, 3, H, W) in 0 to 1: the pictures themselves."""
        return over(self.subject, self.background)


def over(layer: Tensor, below: Tensor) -> Tensor:
    """Lay premultiplied (…, 4, H, W) over (…, 3, H, W)."""
    colour, coverage = layer.split([3, 1], dim=-3)
    return (below * (1 - coverage) + colour).clamp(0, 1)


def pixel_grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Pixel centres y and x, each (H, W), from the middle, in halves of the shorter side."""
    half = min(height, width) / 2
    y = (torch.arange(height, device=device) + 0.5 - height / 2) / half
    x = (torch.arange(width, device=device) + 0.5 - width / 2) / half
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return grid_y, grid_x


def draw_pictures(generator: torch.Generator, count: int, height: int, width: int) -> Layers:
    """Draw `count` pictures on the generator's device."""
    brush = _Brush(generator, count, height, width)
    noise = brush.noise(0.7 + 1.3 * brush.uniform())
    background = brush.through_palette(brush.pattern(noise))
    background = background + (noise - 0.5).unsqueeze(1) * 0.15 * brush.uniform(1, 1, 1)
    crowd = brush.uniform() * SHAPES_MAX
    for leaf in range(SHAPES_MAX):
        coverage = brush.shape(smallest=0.06, largest=0.55, spread=1.1) * (crowd > leaf).view(-1, 1, 1)
        shade = 1 + 0.35 * (brush.uniform(1, 1, 1) - 0.5) * (brush.x + brush.y)
        grain = (noise - 0.5).unsqueeze(1) * 0.4 * brush.uniform(1, 1, 1) ** 2
        background = background.lerp(brush.uniform(3, 1, 1) * shade + grain, coverage.unsqueeze(1))
    coverage = brush.shape(smallest=0.3, largest=0.5, spread=0.25).unsqueeze(1)
    top, bottom = brush.uniform(3, 1, 1), brush.uniform(3, 1, 1)
    subject = torch.lerp(top, bottom, (brush.y + 1) / 2) + (noise - 0.5).unsqueeze(1) * 0.2
    subject = torch.cat([subject.clamp(0, 1) * coverage, coverage], dim=1)
    return Layers(background=background.clamp(0, 1), subject=subject)


class _Brush:
    def __init__(self, generator: torch.Generator, count: int, height: int, width: int) -> None:
        self._generator = generator
        self._count, self._height, self._width = count, height, width
        self.device = generator.device
        self.y, self.x = pixel_grid(height, width, self.device)

    def uniform(self, *sides: int) -> Tensor:
        """(B, *sides) in 0 to 1."""
        return torch.rand(self._count, *sides, generator=self._generator, device=self.device)

    def noise(self, beta: Tensor) -> Tensor:
        """1/f^beta noise. beta: (B,). Returns (B, H, W) in 0 to 1 about 0.5."""
        rows = torch.fft.fftfreq(self._height, device=self.device)
        columns = torch.fft.rfftfreq(self._width, device=self.device)
        frequency = (rows[:, None] ** 2 + columns[None] ** 2).sqrt()
        frequency[0, 0] = 1
        white = torch.randn(self._count, self._height, self._width, generator=self._generator, device=self.device)
        spectrum = torch.fft.rfft2(white) * frequency ** -beta.view(-1, 1, 1)
        spectrum[:, 0, 0] = 0
        field = torch.fft.irfft2(spectrum, s=(self._height, self._width))
        return (field / (field.std((1, 2), keepdim=True) + 1e-6) * 0.25 + 0.5).clamp(0, 1)

    def pattern(self, noise: Tensor) -> Tensor:
        """A mixture of four patterns. Returns (B, H, W) in 0 to 1."""
        angle = self.uniform(1, 1) * math.tau
        along = self.x * angle.cos() + self.y * angle.sin()
        rings = ((self.x - angle.cos() / 2) ** 2 + (self.y - angle.sin() / 2) ** 2).sqrt() * 0.7
        gradient = torch.where(self.uniform(1, 1) < 0.6, along * 0.5 + 0.5, rings)
        stripes = torch.sin(along * (4 + 20 * self.uniform(1, 1))) * 0.5 + 0.5
        parts = torch.stack([gradient, noise, self._julia(), stripes], dim=1)
        weights = self.uniform(4, 1, 1) ** 3 + 1e-3
        return ((parts * weights).sum(1) / weights.sum(1)).clamp(0, 1)

    def _julia(self) -> Tensor:
        angle, radius = self.uniform(1, 1) * math.tau, 0.67 + 0.2 * self.uniform(1, 1)
        scale = 1 + 0.6 * self.uniform(1, 1)
        real, imaginary = self.x * scale, self.y * scale
        depth = torch.zeros_like(real)
        for _ in range(_JULIA_ROUNDS):
            real, imaginary = (
                (real * real - imaginary * imaginary + radius * angle.cos()).clamp(-4, 4),
                (2 * real * imaginary + radius * angle.sin()).clamp(-4, 4),
            )
            depth = depth + torch.exp(-(real * real + imaginary * imaginary) * 0.8)
        return (depth / _JULIA_ROUNDS * 1.3).clamp(0, 1)

    def through_palette(self, values: Tensor) -> Tensor:
        """values: (B, H, W) in 0 to 1. Returns (B, 3, H, W)."""
        palette = self.uniform(3, _PALETTE)
        place = values.clamp(0, 1) * (_PALETTE - 1)
        below = place.floor().clamp(max=_PALETTE - 2)
        index = below.long().flatten(1).unsqueeze(1).expand(-1, 3, -1)
        low = palette.gather(2, index).unflatten(2, values.shape[1:])
        high = palette.gather(2, index + 1).unflatten(2, values.shape[1:])
        return low + (high - low) * (place - below).unsqueeze(1)

    def shape(self, *, smallest: float, largest: float, spread: float) -> Tensor:
        """One shape a picture: disc, box, star, ring or glyph stroke. Returns coverage (B, H, W) in 0 to 1.

        smallest, largest: radius; spread: how far its middle lies from the picture's. In halves of the shorter side.
        """
        centre_x, centre_y = (self.uniform(1, 1) * 2 - 1) * spread, (self.uniform(1, 1) * 2 - 1) * spread
        size = smallest * (largest / smallest) ** self.uniform(1, 1) ** 1.5
        angle, squeeze = self.uniform(1, 1) * math.tau, 0.5 + self.uniform(1, 1)
        dx, dy = self.x - centre_x, self.y - centre_y
        u, v = dx * angle.cos() + dy * angle.sin(), (dy * angle.cos() - dx * angle.sin()) * squeeze
        radius = (u * u + v * v).sqrt()
        points, depth = 3 + (self.uniform(1, 1) * 4).floor(), 0.15 + 0.35 * self.uniform(1, 1)
        star = radius - size * (1 - depth + depth * (points * torch.atan2(v, u)).cos())
        bar = torch.maximum(u.abs() - size, v.abs() - size * 0.2)
        stroke = torch.maximum((u - size * 0.5).abs() - size * 0.2, v.abs() - size * 0.9)
        distances = torch.stack(
            [
                radius - size,
                torch.maximum(u.abs() - size, v.abs() - size * 0.7),
                star,
                (radius - size * 0.8).abs() - size * 0.25,
                torch.minimum(bar, stroke),
            ],
            dim=1,
        )
        kind = (self.uniform() * _SHAPE_KINDS).long().clamp(max=_SHAPE_KINDS - 1)
        distance = distances[torch.arange(self._count, device=self.device), kind]
        return (0.5 - distance * min(self._height, self._width) / 2.5).clamp(0, 1)
