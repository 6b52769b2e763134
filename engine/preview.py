"""Small animated pictures of a film that is still being drawn: after steps from latents, after sections from pixels."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO

import av
import torch
from av.video.reformatter import Interpolation, VideoReformatter
from torch import Tensor

from engine.video import Frames, to_uint8
from storage.errors import FilmFailed
from storage.gif import Clip, encode_gif
from storage.jobs import FPS

_FRAMES_PER_LATENT = 4
_RIDGE = 1e-3
"""Relative to the latents' own variance: channels that say nothing must not get huge weights."""
_WIDTH_MAX = 320
_FPS_MAX = 12
_BYTES_MAX = 1_500_000
_SCALING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentRgb:
    """A linear map from a latent to the mean colour of the pixels it stands for."""

    weights: Tensor
    """(channels, 3) float32."""
    bias: Tensor
    """(3,) float32."""

    def __call__(self, latents: Tensor) -> Tensor:
        """latents: (1, C, T, h, w), any device.  Returns (1, 3, T, h, w) float32 on the CPU, about −1 to 1."""
        rgb = torch.einsum("bcthw,cr->brthw", latents.detach().float(), self.weights.to(latents.device))
        return rgb.cpu() + self.bias.view(1, 3, 1, 1, 1)


def fit_latent_rgb(latents: Tensor, pixels: Tensor) -> LatentRgb:
    """Least squares over all places of latents and of what the model's VAE decodes them to.

    latents: (N, C, T, h, w), as the sampler knows them: scaled.  pixels: (N, 3, 4·(T − 1) + 1, H, W) in [-1, 1].
    A latent stands for four frames, the first one of a window for a single frame.
    """
    count, channels, length, height, width = latents.shape
    if pixels.shape[:3] != (count, 3, _FRAMES_PER_LATENT * (length - 1) + 1):
        raise ValueError(f"pixels {tuple(pixels.shape)} are not what latents {tuple(latents.shape)} stand for")
    pixels = pixels.detach().float()
    first, later = pixels[:, :, :1], pixels[:, :, 1:]
    later = later.unflatten(2, (length - 1, _FRAMES_PER_LATENT)).mean(3)
    colours = torch.nn.functional.adaptive_avg_pool3d(torch.cat([first, later], dim=2), (length, height, width))
    known = latents.detach().double().movedim(1, -1).reshape(-1, channels)
    wanted = colours.double().movedim(1, -1).reshape(-1, 3)
    known_mean, wanted_mean = known.mean(0), wanted.mean(0)
    centred = known - known_mean
    gram = centred.T @ centred
    gram += torch.eye(channels, dtype=gram.dtype) * (_RIDGE * gram.diagonal().mean() + 1e-12)
    weights = torch.linalg.solve(gram, centred.T @ (wanted - wanted_mean))
    return LatentRgb(weights=weights.float(), bias=(wanted_mean - known_mean @ weights).float())


def latent_preview(latents: Tensor, colours: LatentRgb, *, height: int, width: int) -> bytes:
    """Latents of a section, drawn or half drawn, as an animated GIF: coarse, in half a second at most.

    latents: (1, C, T, h, w).  height, width: of the film, pixels.
    """
    return _animated(to_uint8(colours(latents)), fps=Fraction(FPS, _FRAMES_PER_LATENT), height=height, width=width)


def frame_preview(window: Tensor) -> bytes:
    """Decoded frames of a section as an animated GIF.  window: (1, 3, T, H, W), about −1 to 1."""
    every = -(-FPS // _FPS_MAX)
    height, width = window.shape[3:]
    return _animated(to_uint8(window[:, :, ::every]), fps=Fraction(FPS, every), height=height, width=width)


def _animated(frames: Frames, *, fps: Fraction, height: int, width: int) -> bytes:
    """height, width: of the film, whose proportions the GIF has, whatever the size of `frames`.

    Raises FilmFailed (code "preview") where no GIF small enough exists.
    """
    shrink = min(1.0, _WIDTH_MAX / width)
    sides = max(1, round(width * shrink)), max(1, round(height * shrink))
    # Smooth when it enlarges: latents, eight times smaller than the film, look like a blurred film and not like tiles.
    scaler = VideoReformatter()
    stills = [
        scaler.reformat(av.VideoFrame.from_ndarray(pixels, format="rgb24"), *sides, "rgb24", interpolation=_SCALING)
        for pixels in frames
    ]
    clip = Clip(
        frames=lambda: iter(stills), count=len(stills), seconds=len(stills) / fps, width=sides[0], height=sides[1]
    )
    target = BytesIO()
    if encode_gif(clip, target, width_max=_WIDTH_MAX, fps_max=_FPS_MAX, bytes_max=_BYTES_MAX) is None:
        raise FilmFailed("No preview of a bearable size exists.", code="preview")
    return target.getvalue()
