"""HunyuanVideo with FramePack's history embedders: the first backbone, over diffusers' own classes."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.backbone import BetweenBlocks, Context
from engine.conditioning import Prompt
from storage.errors import OutOfMemory, OwnerError

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
    from diffusers.models.transformers.transformer_hunyuan_video_framepack import (
        HunyuanVideoFramepackTransformer3DModel,
    )

FAST_ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]
"""On a card only these: the fallback writes out all attention weights, 29 GB at 544x704."""

SMALLER_TILES = (256, 192, 128)
"""Pixels a side, tried in turn where decoding runs out of memory."""


class HunyuanBackbone:
    """Takes both networks over, ready on their device. See `engine.backbone.Backbone` for what it offers."""

    def __init__(
        self,
        transformer: HunyuanVideoFramepackTransformer3DModel,
        vae: AutoencoderKLHunyuanVideo,
        *,
        identity: str,
        device: torch.device,
    ) -> None:
        self._transformer = transformer
        self._vae = vae
        self._identity = identity
        self._device = device
        self._dtype = transformer.x_embedder.proj.weight.dtype
        self._between_blocks: BetweenBlocks = _nothing
        # The last layer maps to latents; in bf16 it would quantise them. The published program runs it in float32.
        transformer.proj_out.float()
        blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
        self._hooks = [transformer.proj_out.register_forward_pre_hook(_in_float32)]
        self._hooks += [
            module.register_forward_pre_hook(self._listen) for module in (*blocks, vae.encoder, vae.decoder)
        ]

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def latent_channels(self) -> int:
        return self._transformer.config["in_channels"]

    @torch.no_grad()
    def velocity(
        self,
        x: Tensor,
        sigma: float,
        context: Context,
        prompt: Prompt,
        guidance_scale: float,
        between_blocks: BetweenBlocks,
    ) -> Tensor:
        def cast(tensor: Tensor) -> Tensor:
            return tensor.to(self._device, self._dtype)

        def place(indices: tuple[int, ...]) -> Tensor:
            return torch.tensor(indices, device=self._device)

        def thousandfold(value: float) -> Tensor:
            # Rounded to the network's own precision, as in training: in bf16, 1000 × 10 is 9984.
            return cast(torch.tensor([1000 * value], dtype=torch.float32))

        indices = context.indices
        with self._listening(between_blocks), self._attention():
            (velocity,) = self._transformer(
                hidden_states=cast(x),
                timestep=thousandfold(sigma),
                guidance=thousandfold(guidance_scale),
                encoder_hidden_states=cast(prompt.text),
                encoder_attention_mask=prompt.mask.to(self._device),
                pooled_projections=cast(prompt.pooled),
                image_embeds=cast(context.image),
                indices_latents=place(indices.noise),
                latents_clean=cast(context.clean),
                indices_latents_clean=place(indices.start + indices.near_1x),
                latents_history_2x=cast(context.history_2x),
                indices_latents_history_2x=place(indices.near_2x),
                latents_history_4x=cast(context.history_4x),
                indices_latents_history_4x=place(indices.near_4x),
                return_dict=False,
            )
        return velocity.float()

    @torch.no_grad()
    def encode(self, frames: Tensor, generator: torch.Generator, between_blocks: BetweenBlocks) -> Tensor:
        with self._listening(between_blocks):
            return encode_frames(self._vae, frames, generator)

    @torch.no_grad()
    def decode(self, latents: Tensor, between_blocks: BetweenBlocks) -> Tensor:
        vae = self._vae
        scaled = (latents / vae.config["scaling_factor"]).to(self._device, vae.dtype)
        for tile in (None, *SMALLER_TILES):
            if tile is not None:
                _shrink_tiles(vae, tile)
            try:
                with self._listening(between_blocks):
                    return vae.decode(scaled, return_dict=False)[0].float().cpu()
            except OutOfMemory:
                gc.collect()
                torch.cuda.empty_cache()
        raise OutOfMemory(f"Decoding does not fit the card, not even in tiles of {SMALLER_TILES[-1]} pixels.")

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()
        # Only the names go: a model set that keeps small networks loaded still has them.
        self.__dict__.pop("_transformer", None)
        self.__dict__.pop("_vae", None)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _listen(self, _module: nn.Module, _arguments: object) -> None:
        self._between_blocks()

    @contextmanager
    def _listening(self, between_blocks: BetweenBlocks) -> Iterator[None]:
        self._between_blocks = between_blocks
        try:
            yield
        except torch.OutOfMemoryError as exc:
            raise OutOfMemory("The film does not fit the card's memory at this size.") from exc
        except RuntimeError as exc:
            if "No available kernel" not in str(exc):
                raise
            raise OwnerError(
                "PyTorch has no fast attention for this card; an NVIDIA card of compute capability 8.0 "
                "(RTX 30 series) or newer is needed."
            ) from exc
        finally:
            self._between_blocks = _nothing

    def _attention(self) -> AbstractContextManager[object]:
        return sdpa_kernel(FAST_ATTENTION) if self._device.type == "cuda" else nullcontext()


def encode_frames(vae: AutoencoderKLHunyuanVideo, frames: Tensor, generator: torch.Generator) -> Tensor:
    """As `Backbone.encode`, with the VAE alone: conditioning needs no transformer.

    The published program draws this sample unseeded; seeded, the same picture gives the same film.
    """
    with torch.no_grad():
        posterior = vae.encode(frames.to(vae.device, vae.dtype), return_dict=False)[0]
    mean, std = posterior.mean.float().cpu(), posterior.std.float().cpu()
    noise = torch.randn(mean.shape, generator=generator, dtype=torch.float32)
    return (mean + std * noise) * vae.config["scaling_factor"]


def _shrink_tiles(vae: AutoencoderKLHunyuanVideo, tile: int) -> None:
    stride = tile * 3 // 4
    vae.enable_tiling(
        tile_sample_min_height=tile,
        tile_sample_min_width=tile,
        tile_sample_stride_height=stride,
        tile_sample_stride_width=stride,
    )


def _in_float32(_module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(argument.float() for argument in arguments)


def _nothing() -> None: ...
