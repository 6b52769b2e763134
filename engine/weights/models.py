"""Opening networks from the weights folder, one large one at a time; a small set stays loaded."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from engine.cpu_conv import use_onednn
from engine.driver import card_trouble
from engine.hunyuan import HunyuanBackbone
from engine.weights.layout import ENCODERS, Inventory, transformer_folder
from engine.weights.needs import SMALL_SET_BYTES, SPARE_BYTES
from engine.weights.quiet import quiet_loading
from storage.errors import OwnerError, WeightsMissing
from storage.jobs import Schedule

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")

UNTILED_DECODE_BYTES = 60_000_000_000
"""A card with this much memory decodes whole pictures; others in tiles, as the published program does."""
COMPUTE_CAPABILITY_MIN = (8, 0)
"""Ampere: older cards have neither bf16 nor flash attention, and the fallback needs 28 GB for one layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEncoder:
    tokenizer: PreTrainedTokenizerBase
    network: nn.Module
    device: torch.device


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEncoder:
    processor: Any
    network: nn.Module
    device: torch.device
    dtype: torch.dtype


class ModelSet:
    """The networks of one weights folder on one device. Not thread-safe.

    Each `with` opens a part and drops it at the end, so that the peak is the largest part and not their sum.
    Precisions are those of the published program on a card: bf16 for the transformer, fp16 for encoders and VAE
    (its activations fit fp16, and bf16's eight bits would band smooth skies). On a CPU everything is float32:
    few CPUs have either half type.
    """

    def __init__(self, folder: Path, inventory: Inventory, device: torch.device) -> None:
        """inventory: of this folder, see `take_inventory`."""
        self._folder = folder
        self._inventory = inventory
        self.device = device
        self._small = inventory.byte_count < SMALL_SET_BYTES
        self._loaded: dict[str, Any] = {}

    @property
    def encoder_identity(self) -> str:
        """Hash of everything that conditioning depends on."""
        return self._inventory.identity(*ENCODERS)

    def backbone_identity(self, schedule: Schedule) -> str:
        """Hash of everything that drawing depends on; known before anything is loaded."""
        return self._inventory.identity(transformer_folder(self._folder, schedule), "vae")

    @contextmanager
    def llama(self) -> Iterator[TextEncoder]:
        with self._open("text_encoder", self._load_llama) as encoder:
            yield encoder

    @contextmanager
    def clip(self) -> Iterator[TextEncoder]:
        with self._open("text_encoder_2", self._load_clip) as encoder:
            yield encoder

    @contextmanager
    def siglip(self) -> Iterator[ImageEncoder]:
        with self._open("image_encoder", self._load_siglip) as encoder:
            yield encoder

    @contextmanager
    def vae(self) -> Iterator[Any]:
        """An AutoencoderKLHunyuanVideo alone, for encoding pictures."""
        with self._open("vae", self._load_vae) as vae:
            yield vae

    @contextmanager
    def backbone(self, schedule: Schedule) -> Iterator[HunyuanBackbone]:
        """The transformer of this schedule and the VAE."""
        name = transformer_folder(self._folder, schedule)
        if name not in self._inventory.hashes:
            raise WeightsMissing(f"{name}/ is not among the weights in {self._folder}.")
        # The VAE first: it is small, and what is left of the card decides how the transformer is placed.
        with self._open("vae", self._load_vae) as vae, self._open(name, lambda: self._load_transformer(name)) as net:
            backbone = HunyuanBackbone(net, vae, identity=self.backbone_identity(schedule), device=self.device)
            try:
                yield backbone
            finally:
                backbone.close()

    def close(self) -> None:
        """Drop what a small set keeps. Idempotent."""
        self._loaded.clear()
        _collect()

    @contextmanager
    def _open(self, name: str, load: Callable[[], T]) -> Iterator[T]:
        if name in self._loaded:
            yield self._loaded[name]
            return
        with quiet_loading():
            part = load()
        if self._small:
            self._loaded[name] = part
        try:
            yield part
        finally:
            del part
            if not self._small:
                _collect()

    def _load_llama(self) -> TextEncoder:
        from transformers import LlamaConfig, LlamaModel, PreTrainedTokenizerFast

        folder = self._folder / "text_encoder"
        config = LlamaConfig.from_pretrained(folder)
        # hidden_states[-3] is what the third layer from the end hands on: the last two need not even be read,
        # nor the final norm, which those states have not passed.
        config.num_hidden_layers -= 2
        network = LlamaModel.from_pretrained(folder, config=config, dtype=self._half)
        network.register_module("norm", nn.Identity())
        # Not the Llama class, which would rebuild the tokenizer by its own rules: this reads tokenizer.json as it is.
        tokenizer = PreTrainedTokenizerFast.from_pretrained(self._folder / "tokenizer")
        return TextEncoder(tokenizer=tokenizer, network=self._place(network), device=self.device)

    def _load_clip(self) -> TextEncoder:
        from transformers import CLIPTextModel, CLIPTokenizer

        network = CLIPTextModel.from_pretrained(self._folder / "text_encoder_2", dtype=self._half)
        tokenizer = CLIPTokenizer.from_pretrained(self._folder / "tokenizer_2")
        return TextEncoder(tokenizer=tokenizer, network=self._place(network), device=self.device)

    def _load_siglip(self) -> ImageEncoder:
        from transformers import SiglipVisionModel

        # The Pillow one: the published program's, and the other needs torchvision.
        from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

        network = SiglipVisionModel.from_pretrained(self._folder / "image_encoder", dtype=self._half)
        processor = SiglipImageProcessorPil.from_pretrained(self._folder / "feature_extractor")
        return ImageEncoder(processor=processor, network=self._place(network), device=self.device, dtype=self._half)

    def _load_vae(self) -> Any:
        from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo

        vae = AutoencoderKLHunyuanVideo.from_pretrained(self._folder / "vae", torch_dtype=self._half)
        if self.device.type == "cuda" and torch.cuda.get_device_properties(self.device).total_memory < (
            UNTILED_DECODE_BYTES
        ):
            vae.enable_tiling()
        if self.device.type == "cpu":
            use_onednn(vae)
        vae.eval()
        return self._place(vae)

    def _load_transformer(self, name: str) -> Any:
        from diffusers.models.transformers.transformer_hunyuan_video_framepack import (
            HunyuanVideoFramepackTransformer3DModel,
        )

        transformer = HunyuanVideoFramepackTransformer3DModel.from_pretrained(
            self._folder / name,
            torch_dtype=torch.bfloat16 if self.device.type == "cuda" else torch.float32,
            # Plain reads there: mapping 26 GB commits as much on Windows, and fails without a large page file.
            disable_mmap=os.name == "nt",
        )
        transformer.proj_out.float()
        return self._place(transformer.eval())

    @property
    def _half(self) -> torch.dtype:
        return torch.float16 if self.device.type == "cuda" else torch.float32

    def _place(self, network: nn.Module) -> nn.Module:
        """Onto the card, or where it does not fit, behind a stream that brings layer after layer."""
        network.requires_grad_(False)
        if self.device.type != "cuda":
            return network.to(self.device)
        byte_count = sum(parameter.nbytes for parameter in network.parameters())
        free, _ = torch.cuda.mem_get_info(self.device)
        if byte_count + SPARE_BYTES <= free:
            return network.to(self.device)
        from diffusers.hooks.group_offloading import apply_group_offloading

        apply_group_offloading(
            network,
            onload_device=self.device,
            offload_device=torch.device("cpu"),
            offload_type="leaf_level",
            use_stream=True,
            # Pins one layer at a time: pinned memory cannot be paged, and these are up to 26 GB.
            low_cpu_mem_usage=True,
        )
        return network


def choose_device(wish: str) -> torch.device:
    """wish: "auto", "cpu" or "cuda". Raises OwnerError where a card was asked for and none can draw."""
    if wish == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        if wish == "cuda":
            trouble = card_trouble(torch.__version__, torch.version.cuda)
            raise OwnerError(f'engine.device is "cuda", but PyTorch finds no NVIDIA card it can use: {trouble}.')
        return torch.device("cpu")
    if torch.cuda.get_device_capability() < COMPUTE_CAPABILITY_MIN:
        raise OwnerError(
            f"{torch.cuda.get_device_name()} is too old: compute capability 8.0 (RTX 30 series) or newer is needed, "
            'or engine.device = "cpu".'
        )
    return torch.device("cuda")


def _collect() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
