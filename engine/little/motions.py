"""Motions the little model is taught, as numbers per frame, and pictures moved by them.

A magnitude is a speed per frame, so that a section continues the one before it; periodic motions have a period of one
section. Frame 0 is the picture itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from engine.little.pictures import Layers, over, pixel_grid

PERIOD = 36
"""Frames of one section: periodic motions start every section in the same phase."""


class Motion(StrEnum):
    """Camera motions are named by where the camera goes: in a pan to the left, the picture moves to the right."""

    ZOOM_IN = "zoom_in"
    ZOOM_OUT = "zoom_out"
    PAN_LEFT = "pan_left"
    PAN_RIGHT = "pan_right"
    PAN_UP = "pan_up"
    PAN_DOWN = "pan_down"
    ROTATE_LEFT = "rotate_left"
    ROTATE_RIGHT = "rotate_right"
    FADE_DARK = "fade_dark"
    FADE_LIGHT = "fade_light"
    SWAY = "sway"
    PULSE = "pulse"
    RIPPLE = "ripple"
    SHAKE = "shake"
    DRIFT_LEFT = "drift_left"
    """The subject alone, over a still background."""
    DRIFT_RIGHT = "drift_right"

    @property
    def is_camera(self) -> bool:
        return self in _CAMERA

    @property
    def moves_subject_only(self) -> bool:
        return self in (Motion.DRIFT_LEFT, Motion.DRIFT_RIGHT)


_CAMERA = frozenset(
    {
        Motion.ZOOM_IN,
        Motion.ZOOM_OUT,
        Motion.PAN_LEFT,
        Motion.PAN_RIGHT,
        Motion.PAN_UP,
        Motion.PAN_DOWN,
        Motion.ROTATE_LEFT,
        Motion.ROTATE_RIGHT,
    }
)
GENTLE = Motion.ZOOM_IN
"""What a wish gets that asks for no known motion."""

ZOOM_PER_FRAME = 0.004
"""Natural logarithm of the scale: 1.33 times in two seconds."""
PAN_PER_FRAME = 0.25
"""In pixels, at every size: near the picture's middle a motion of a small picture is that of a large one, so that what
is learned on small ones holds. 18 pixels in two seconds: no more than what stands beside a
token can tell."""
TURN_PER_FRAME = 0.0035
"""Radians: 14 degrees in two seconds."""
FADE_PER_FRAME = 0.011
_FADE_MAX = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """What a batch of films does at certain frames; every field is (B, T)."""

    log_zoom: Tensor
    shift_x: Tensor
    """Of the camera; pixels, right and down are positive."""
    shift_y: Tensor
    angle: Tensor
    """Of the camera, radians, clockwise."""
    ripple: Tensor
    """Amplitude of a wave through the picture, in halves of the shorter side."""
    phase: Tensor
    light: Tensor
    """−1 black, 0 as it is, 1 white."""

    def only(self, rows: Tensor) -> Tracks:
        """The same for some films; others stay still. rows: (B,) bool."""
        return Tracks(**{name: getattr(self, name) * rows.unsqueeze(1) for name in self.__dataclass_fields__})


def tracks(motions: Sequence[Motion], speeds: Tensor, frames: Tensor) -> Tracks:
    """Tracks of one motion each. speeds: (B,) factors about 1. frames: (T,) frame numbers."""
    time = frames.to(speeds).unsqueeze(0)

    def asked(positive: Motion, negative: Motion | None = None) -> Tensor:
        signs = [(motion is positive) - (motion is negative) for motion in motions]
        return torch.tensor(signs, dtype=torch.float32, device=speeds.device).unsqueeze(1) * speeds.unsqueeze(1)

    turn = math.tau * time / PERIOD
    shake = asked(Motion.SHAKE) * 1.2
    pan_x = (asked(Motion.PAN_RIGHT, Motion.PAN_LEFT) - asked(Motion.DRIFT_RIGHT, Motion.DRIFT_LEFT)) * PAN_PER_FRAME
    fade = asked(Motion.FADE_LIGHT, Motion.FADE_DARK) * FADE_PER_FRAME * time
    return Tracks(
        log_zoom=asked(Motion.ZOOM_IN, Motion.ZOOM_OUT) * ZOOM_PER_FRAME * time
        + asked(Motion.PULSE) * 0.07 * turn.sin(),
        shift_x=pan_x * time + shake * ((5 * turn).sin() + (9 * turn).sin()),
        shift_y=asked(Motion.PAN_DOWN, Motion.PAN_UP) * PAN_PER_FRAME * time
        + shake * ((7 * turn).sin() - (4 * turn).sin()),
        angle=asked(Motion.ROTATE_RIGHT, Motion.ROTATE_LEFT) * TURN_PER_FRAME * time
        + asked(Motion.SWAY) * 0.11 * turn.sin(),
        ripple=asked(Motion.RIPPLE) * 0.035 * (time / 12).clamp(max=1),
        phase=2 * turn.expand(len(motions), -1),
        light=fade.clamp(-_FADE_MAX, _FADE_MAX),
    )


def render(layers: Layers, motions: Sequence[Motion], speeds: Tensor, frames: Tensor) -> Tensor:
    """Films of a batch of pictures at some frames. Returns (B, 3, T, H, W) in −1 to 1."""
    wanted = tracks(motions, speeds, frames)
    alone = torch.tensor([motion.moves_subject_only for motion in motions], device=speeds.device)
    if not alone.any():
        return _lit(_moved(layers.flat, wanted, "reflection"), wanted.light)
    below = _moved(layers.background, wanted.only(~alone), "reflection").transpose(1, 2)
    above = _moved(layers.subject, wanted, "zeros").transpose(1, 2)
    return _lit(over(above, below).transpose(1, 2), wanted.light)


def _moved(pictures: Tensor, wanted: Tracks, outside: str) -> Tensor:
    """pictures: (B, C, H, W). Returns (B, C, T, H, W)."""
    height, width = pictures.shape[2:]
    count, length = wanted.light.shape
    y, x = pixel_grid(height, width, pictures.device)

    def each(track: Tensor) -> Tensor:
        return track[:, :, None, None]

    shrink = torch.exp(-each(wanted.log_zoom))
    cos, sin = each(wanted.angle).cos() * shrink, each(wanted.angle).sin() * shrink
    half = min(height, width) / 2
    u = cos * x - sin * y + each(wanted.shift_x) / half
    v = sin * x + cos * y + each(wanted.shift_y) / half
    u, v = (
        u + each(wanted.ripple) * torch.sin(7 * y + each(wanted.phase)),
        v + each(wanted.ripple) * torch.sin(6 * x + each(wanted.phase)),
    )
    places = torch.stack([u * (2 * half / width), v * (2 * half / height)], dim=-1).flatten(0, 1)
    source = pictures.repeat_interleave(length, dim=0)
    moved = grid_sample(source, places, mode="bilinear", padding_mode=outside, align_corners=False)
    return moved.unflatten(0, (count, length)).transpose(1, 2)


def _lit(films: Tensor, light: Tensor) -> Tensor:
    light = light[:, None, :, None, None]
    return (films * (1 - light.abs()) + light.clamp(min=0)).clamp(0, 1) * 2 - 1
