"""PORT: what a video model must offer so that FramePack can draw with it. HunyuanVideo is the first.

Any model qualifies that was trained with history embedders at 1x, 2x and 4x, and whose VAE is causal in time
(4 frames and 8 pixels per latent).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.conditioning import Prompt
from engine.plan import Indices

BetweenBlocks = Callable[[], None]
"""Called many times a step, between transformer blocks and between decoded tiles: the place to hear a cancel and to
feed a watchdog. What it raises passes through the backbone and the film untouched, and leaves both usable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a section sees beside its own noise: the start latent and the packed history."""

    indices: Indices
    clean: Tensor
    """(1, C, 2, h, w): the start latent and the nearest of the history."""
    history_2x: Tensor
    """(1, C, 2, h, w)"""
    history_4x: Tensor
    """(1, C, 16, h, w)"""
    image: Tensor
    """(1, tokens, D) of the image encoder, placed before the text."""


class Backbone(Protocol):
    """A loaded model. Not thread-safe: one film at a time."""

    @property
    def identity(self) -> str:
        """Hash of the weights: films of different weights never share a checkpoint."""
        ...

    @property
    def device(self) -> torch.device: ...

    @property
    def latent_channels(self) -> int: ...

    def velocity(
        self,
        x: Tensor,
        sigma: float,
        context: Context,
        prompt: Prompt,
        guidance_scale: float,
        between_blocks: BetweenBlocks,
    ) -> Tensor:
        """Flow velocity (noise − x0) of the noisy section x, one forward pass.

        x: (1, C, W, h, w) float32.  guidance_scale: distilled, an input of the network; true CFG is the film's
        affair and calls this twice.  Returns float32 of the same shape.
        """
        ...

    def encode(self, frames: Tensor, generator: torch.Generator, between_blocks: BetweenBlocks) -> Tensor:
        """Pixels to scaled latents, sampled from the VAE's posterior with a CPU generator.

        frames: (1, 3, T, H, W) in −1 to 1.  Returns (1, C, (T − 1) / 4 + 1, H / 8, W / 8) float32 on the CPU.
        """
        ...

    def decode(self, latents: Tensor, between_blocks: BetweenBlocks) -> Tensor:
        """Scaled latents to pixels.

        latents: (1, C, T, h, w).  Returns (1, 3, 4·T − 3, 8·h, 8·w) float32 on the CPU, about −1 to 1, not clamped.
        Raises OutOfMemory where even the smallest tiles do not fit.
        """
        ...

    def close(self) -> None:
        """Free the card's memory. Idempotent; the backbone is of no use afterwards."""
        ...
