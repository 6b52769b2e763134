"""How large the networks are and how long they are taught: one frozen value per kind of machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.little.motions import Motion

LATENT_CHANNELS = 16
WINDOW = 9
"""Latents drawn per section, as in the big model."""
LLAMA_TOKENS = 768
CLIP_TOKENS = 768
TEXT_WIDTH = 64
IMAGE_WIDTH = 32
IMAGE_SIDE = 28
ROPE_AXES: Mapping[int, tuple[int, int, int]] = {32: (8, 12, 12), 48: (8, 20, 20), 64: (16, 24, 24)}
"""By head width: how it is shared between time, height and width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    codec_channels: tuple[int, int, int]
    """From full size down. The second is at least 48: it holds 4x4 pixels of three colours."""
    heads: int
    head_width: int
    double_blocks: int
    single_blocks: int

    @property
    def codec(self) -> dict[str, Any]:
        """Arguments of diffusers' AutoencoderKLHunyuanVideo."""
        return {
            "latent_channels": LATENT_CHANNELS,
            # Three blocks, not four: still 8x and 4x, but the expensive ones run at half size.
            "block_out_channels": self.codec_channels,
            "down_block_types": ("HunyuanVideoDownBlock3D",) * 3,
            "up_block_types": ("HunyuanVideoUpBlock3D",) * 3,
            "layers_per_block": 1,
            "norm_num_groups": 4,
            "mid_block_add_attention": False,
        }

    @property
    def transformer(self) -> dict[str, Any]:
        """Arguments of diffusers' HunyuanVideoFramepackTransformer3DModel."""
        return {
            "in_channels": LATENT_CHANNELS,
            "out_channels": LATENT_CHANNELS,
            "num_attention_heads": self.heads,
            "attention_head_dim": self.head_width,
            "num_layers": self.double_blocks,
            "num_single_layers": self.single_blocks,
            "num_refiner_layers": 1,
            "text_embed_dim": TEXT_WIDTH,
            "pooled_projection_dim": TEXT_WIDTH,
            "rope_axes_dim": ROPE_AXES[self.head_width],
            "has_image_proj": True,
            "image_proj_dim": IMAGE_WIDTH,
            "has_clean_x_embedder": True,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecLesson:
    """One stage of the codec's training."""

    steps: int
    batch: int
    frames: int
    """1: pictures, through flat kernels."""
    size: int
    """Bucket class."""
    rate: float
    train_encoder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowLesson:
    """One stage of the transformer's training."""

    steps: int
    batch: int
    size: int
    rate: float
    reuse: int
    """Steps per batch of fresh films; their latents are drawn from several times, with other noise and sections."""
    decay: float = 0.4
    """Share of the steps over which the rate comes down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curriculum:
    networks: Networks
    motions: tuple[Motion, ...]
    """One that is named three times is drawn three times as often."""
    speeds: tuple[float, float, float]
    """Slow, as it comes, fast."""
    pictures: CodecLesson
    clips: CodecLesson
    words_steps: int
    words_batch: int
    flow: tuple[FlowLesson, ...]
    sections: tuple[int, ...] = (1, 2, 2, 3, 4)
    """Lengths of the films that sections are taken from."""
    forward_share: float = 0.3
    average: float = 0.999
    """Weight of the past in the transformer's averaged weights, per step."""


_TAUGHT_ON_CPU = (
    *3 * (Motion.ZOOM_IN, Motion.ZOOM_OUT),
    Motion.PAN_LEFT,
    Motion.PAN_RIGHT,
    Motion.PAN_UP,
    Motion.PAN_DOWN,
    Motion.FADE_DARK,
    Motion.FADE_LIGHT,
)

_CPU = Curriculum(
    networks=Networks(codec_channels=(16, 48, 64), heads=5, head_width=32, double_blocks=1, single_blocks=5),
    motions=_TAUGHT_ON_CPU,
    speeds=(1.0, 1.0, 1.0),
    pictures=CodecLesson(steps=1500, batch=8, frames=1, size=96, rate=2e-3),
    clips=CodecLesson(steps=200, batch=2, frames=17, size=64, rate=3e-4),
    words_steps=1200,
    words_batch=64,
    flow=(
        FlowLesson(steps=1300, batch=16, size=64, rate=1e-3, reuse=4, decay=0.2),
        FlowLesson(steps=870, batch=8, size=128, rate=8e-4, reuse=4, decay=0),
        FlowLesson(steps=1250, batch=8, size=128, rate=8e-4, reuse=4),
    ),
    sections=(1, 2, 2, 3),
    forward_share=0.2,
    average=0.995,
)

CURRICULA = {
    "cpu": _CPU,
    "longer": replace(
        _CPU,
        flow=(
            FlowLesson(steps=1200, batch=8, size=128, rate=4e-4, reuse=4),
            FlowLesson(steps=2000, batch=8, size=192, rate=2e-4, reuse=4, decay=0.7),
        ),
        # As many as have paddings of their own.
        sections=(1, 2, 2, 3, 4),
    ),
    "large": replace(
        _CPU,
        flow=(FlowLesson(steps=2000, batch=8, size=192, rate=2e-4, reuse=4, decay=0.7),),
        sections=(1, 2, 2, 3, 4),
    ),
    "card": Curriculum(
        networks=Networks(codec_channels=(24, 48, 64), heads=4, head_width=48, double_blocks=1, single_blocks=8),
        motions=tuple(Motion),
        speeds=(0.5, 1.0, 1.7),
        pictures=CodecLesson(steps=6000, batch=64, frames=1, size=128, rate=2e-3, train_encoder=True),
        clips=CodecLesson(steps=3000, batch=16, frames=17, size=96, rate=3e-4),
        words_steps=4000,
        words_batch=256,
        flow=(
            FlowLesson(steps=30000, batch=48, size=128, rate=1e-3, reuse=8),
            FlowLesson(steps=4000, batch=32, size=192, rate=3e-4, reuse=8),
        ),
        average=0.9995,
    ),
    "smoke": Curriculum(
        networks=Networks(codec_channels=(16, 48, 64), heads=4, head_width=32, double_blocks=1, single_blocks=1),
        motions=(Motion.ZOOM_IN, Motion.PAN_LEFT),
        speeds=(1.0, 1.0, 1.0),
        pictures=CodecLesson(steps=6, batch=2, frames=1, size=32, rate=2e-3),
        clips=CodecLesson(steps=2, batch=1, frames=17, size=32, rate=3e-4),
        words_steps=6,
        words_batch=8,
        flow=(FlowLesson(steps=6, batch=2, size=32, rate=1e-3, reuse=2),),
        sections=(1, 2),
        average=0.9,
    ),
}
"""What `python -m engine.little.train` teaches: on a CPU in an hour or two, on a card in half an hour, or a few steps
of everything that show whether the machinery works. “longer” and “large” go on from a finished set (`--from`): more of
the same with larger pictures at the end, or larger pictures alone."""
