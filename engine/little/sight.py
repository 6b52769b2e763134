"""What a film shows: camera and light, measured in its pixels; and how like two pictures are.

An affine map between frames is fitted to their optical flow by Gauss-Newton steps from coarse to fine, each on the
brightness that is left over (Lucas and Kanade 1981). Pixels are (…, H, W) grey or (…, 3, H, W) colour in −1 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample

from engine.little.motions import FADE_PER_FRAME, PAN_PER_FRAME, TURN_PER_FRAME, ZOOM_PER_FRAME, Motion
from engine.little.pictures import pixel_grid

STRIDE = 12
"""Frames between two fits: motion enough to be seen, little enough to be followed."""
_LEVELS = (8, 4, 2)
"""Sides of the averaged squares, coarse to fine; single pixels are mostly noise."""
_ROUNDS = 6
_BORDER = 0.08
"""Share of each side that is not looked at: new content comes in there."""
_SSIM_SIDE = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """From a film's first frame to its last, in the units of `engine.little.motions.Tracks`."""

    frames: int
    log_zoom: float
    shift_x: float
    shift_y: float
    angle: float
    light: float
    """−1 black to 1 white, beside the first frame."""

    @property
    def strengths(self) -> dict[Motion, float]:
        """How much of each motion was seen, 1 being all that was taught; opposites have opposite signs."""
        frames = self.frames
        zoom = self.log_zoom / (ZOOM_PER_FRAME * frames)
        right, down = self.shift_x / (PAN_PER_FRAME * frames), self.shift_y / (PAN_PER_FRAME * frames)
        turn = self.angle / (TURN_PER_FRAME * frames)
        light = self.light / min(FADE_PER_FRAME * frames, 0.85)
        return {
            Motion.ZOOM_IN: zoom,
            Motion.ZOOM_OUT: -zoom,
            Motion.PAN_RIGHT: right,
            Motion.PAN_LEFT: -right,
            Motion.PAN_DOWN: down,
            Motion.PAN_UP: -down,
            Motion.ROTATE_RIGHT: turn,
            Motion.ROTATE_LEFT: -turn,
            Motion.FADE_LIGHT: light,
            Motion.FADE_DARK: -light,
        }

    @property
    def motion(self) -> Motion:
        """What was seen most of."""
        strengths = self.strengths
        return max(strengths, key=strengths.__getitem__)


def see(film: Tensor, *, stride: int = STRIDE) -> Seen:
    """film: (3, T, H, W) in −1 to 1. Fits every `stride` frames to those before and joins the maps."""
    length, height, width = film.shape[1:]
    places = [*range(0, length - 1, stride), length - 1]
    grey = film.mean(0)[places]
    whole = torch.eye(3, dtype=torch.float64)
    for before, after in pairwise(grey):
        step = torch.eye(3, dtype=torch.float64)
        step[:2] = fit_affine(before, after).double()
        whole = whole @ step
    matrix, shift = whole[:2, :2], whole[:2, 2]
    half = min(height, width) / 2
    return Seen(
        frames=length - 1,
        log_zoom=-0.5 * torch.det(matrix).clamp(min=1e-3).log().item(),
        shift_x=shift[0].item() * half,
        shift_y=shift[1].item() * half,
        angle=torch.atan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]).item(),
        light=_light(grey[0], grey[-1]),
    )


def fit_affine(before: Tensor, after: Tensor) -> Tensor:
    """The (2, 3) map for which after(p) is before(map · p), in halves of the shorter side. Both (H, W)."""
    wanted = torch.eye(2, 3)
    for level in _LEVELS:
        coarse_before, coarse_after = (_normal(avg_pool2d(grey[None, None], level)[0, 0]) for grey in (before, after))
        if min(coarse_after.shape) < 6:
            continue
        y, x = pixel_grid(coarse_after.shape[0], coarse_after.shape[1], coarse_after.device)
        looked = (x.abs() < x.max() * (1 - _BORDER)) & (y.abs() < y.max() * (1 - _BORDER))
        for _ in range(_ROUNDS):
            moved = warp(coarse_before, wanted)
            gradient_y, gradient_x = torch.gradient(moved)
            half = min(coarse_after.shape) / 2
            # Small changes of the map act on what is already moved: d moved / d map = gradient · (x, y, 1).
            gradient_x, gradient_y = gradient_x * half, gradient_y * half
            ones = torch.ones_like(x)
            columns = [gradient * factor for gradient in (gradient_x, gradient_y) for factor in (x, y, ones)]
            system = torch.stack([column[looked] for column in columns], dim=1).double()
            left = (coarse_after - moved)[looked].double()
            gram = system.T @ system
            gram += torch.eye(6, dtype=gram.dtype) * (1e-4 * gram.diagonal().mean() + 1e-9)
            change = torch.linalg.solve(gram, system.T @ left).view(2, 3).float()
            step = torch.eye(3)
            step[:2] += change.clamp(-0.25, 0.25)
            wanted = wanted @ step
    return wanted


def warp(picture: Tensor, affine: Tensor) -> Tensor:
    """picture: (…, H, W), read at affine · p for every place p."""
    height, width = picture.shape[-2:]
    y, x = pixel_grid(height, width, picture.device)
    u = affine[0, 0] * x + affine[0, 1] * y + affine[0, 2]
    v = affine[1, 0] * x + affine[1, 1] * y + affine[1, 2]
    half = min(height, width)
    places = torch.stack([u * half / width, v * half / height], dim=-1)[None]
    flat = picture.reshape(1, -1, height, width)
    return grid_sample(flat, places, padding_mode="reflection", align_corners=False).view(picture.shape)


def psnr(one: Tensor, other: Tensor) -> float:
    """Decibels between pixels in −1 to 1."""
    return (10 * torch.log10(4 / (one - other).square().mean().clamp(min=1e-10))).item()


def ssim(one: Tensor, other: Tensor) -> float:
    """Mean structural similarity of two pictures (C, H, W). Source: Wang et al. 2004, squares of 7 pixels."""
    a, b = ((picture.unsqueeze(0) + 1) / 2 for picture in (one, other))

    def mean(values: Tensor) -> Tensor:
        return avg_pool2d(values, _SSIM_SIDE, 1)

    mean_a, mean_b = mean(a), mean(b)
    spread_a, spread_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    shared = mean(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    structure = (2 * shared + 0.03**2) / (spread_a + spread_b + 0.03**2)
    return (luminance * structure).mean().item()


def compensated_ssim(film: Tensor, truth: Tensor) -> float:
    """Of two frames (3, H, W) after the truth was moved onto the film's frame: blur and noise count, place does not."""
    height, width = truth.shape[-2:]
    moved = warp(truth, fit_affine(truth.mean(0), film.mean(0)))
    top, left = round(height * _BORDER), round(width * _BORDER)
    inner = (..., slice(top, height - top), slice(left, width - left))
    return ssim(film[inner], moved[inner])


def _normal(grey: Tensor) -> Tensor:
    """Without brightness and contrast: a fade is no motion."""
    return (grey - grey.mean()) / (grey.std() + 1e-2)


def _light(first: Tensor, last: Tensor) -> float:
    """For fades, pixels are (1 − |light|)·p ± |light|; solved for the two frames' means."""
    before, after = first.mean().item(), last.mean().item()
    if after < before:
        return -(before - after) / max(before + 1, 1e-2)
    return (after - before) / max(1 - before, 1e-2)
