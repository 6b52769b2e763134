"""A tiny, untrained set of networks in the very layout of the real ones: every machine can run the whole engine.

Its films are noise. Weights are drawn from fixed seeds and tokenizers are built here, so that nothing is downloaded
and every machine has the same set.
"""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.weights.quiet import quiet_loading
from storage import files

_VERSION = "tiny-1"

_TRANSFORMER: Mapping[str, Any] = {
    "in_channels": 16,
    "out_channels": 16,
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "num_layers": 2,
    "num_single_layers": 2,
    "num_refiner_layers": 1,
    "text_embed_dim": 32,
    "pooled_projection_dim": 24,
    "rope_axes_dim": (4, 6, 6),
    "has_image_proj": True,
    "image_proj_dim": 20,
    "has_clean_x_embedder": True,
}
_VAE: Mapping[str, Any] = {
    "latent_channels": 16,
    # Three blocks, not four: still 8x and 4x, but only two convolutions run at full size. With attention over all
    # places of all frames left out too, a window of 256 pixels decodes in 1.5 s instead of 8 (measured).
    "block_out_channels": (4, 8, 8),
    "down_block_types": ("HunyuanVideoDownBlock3D",) * 3,
    "up_block_types": ("HunyuanVideoUpBlock3D",) * 3,
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "mid_block_add_attention": False,
}
_LLAMA_SPECIALS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|pad|>")
_CLIP_SPECIALS = ("<|startoftext|>", "<|endoftext|>")


def tiny_weights(folder: Path) -> Path:
    """The tiny set's folder below `folder`, written there if it is not yet. Safe in several processes at once.

    Raises OSError where the folder is not writable.
    """
    target = folder / _VERSION
    if target.is_dir():
        return target
    unfinished = folder / f"{_VERSION}.{uuid.uuid4().hex}.part"
    try:
        _write(unfinished)
        files.replace(unfinished, target)
    except OSError:
        # Another process was faster, and folders do not replace each other.
        if not target.is_dir():
            raise
    finally:
        files.remove_folder(unfinished)
    return target


@torch.no_grad()
def _write(folder: Path) -> None:
    from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
    from diffusers.models.transformers.transformer_hunyuan_video_framepack import (
        HunyuanVideoFramepackTransformer3DModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, LlamaConfig, LlamaModel, SiglipVisionConfig
    from transformers.models.siglip.modeling_siglip import SiglipVisionModel

    folder.mkdir(parents=True)
    _write_llama_tokenizer(folder / "tokenizer")
    clip_tokens = _write_clip_tokenizer(folder / "tokenizer_2")
    _write_processor(folder / "feature_extractor")
    llama = LlamaConfig(
        vocab_size=512,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
    )
    clip = CLIPTextConfig(
        vocab_size=clip_tokens,
        hidden_size=24,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=clip_tokens - 2,
        eos_token_id=clip_tokens - 1,
        pad_token_id=clip_tokens - 1,
    )
    siglip = SiglipVisionConfig(
        hidden_size=20,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=28,
        patch_size=14,
    )
    networks: dict[str, Any] = {
        "transformer": HunyuanVideoFramepackTransformer3DModel(**_TRANSFORMER),
        "transformer_f1": HunyuanVideoFramepackTransformer3DModel(**_TRANSFORMER),
        "vae": AutoencoderKLHunyuanVideo(**_VAE),
        "text_encoder": LlamaModel(llama),
        "text_encoder_2": CLIPTextModel(clip),
        "image_encoder": SiglipVisionModel(siglip),
    }
    with quiet_loading():
        for name, network in networks.items():
            _randomise(network, seed=zlib.crc32(name.encode()))
            if name == "vae":
                # Noise that can be seen: even grey would look like a fault.
                network.decoder.conv_out.conv.weight.mul_(8)
            network.save_pretrained(folder / name)


def _randomise(network: nn.Module, *, seed: int) -> None:
    """Every parameter from its own seed: an initialised network has zeros that would leave whole paths idle."""
    generator = torch.Generator("cpu").manual_seed(seed)
    for parameter in network.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)


def _write_llama_tokenizer(folder: Path) -> None:
    """Bytes as tokens, with Llama 3's special tokens and its begin-of-text before every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    begin, *_ = _LLAMA_SPECIALS
    vocabulary = {symbol: place for place, symbol in enumerate([*_byte_symbols(), *_LLAMA_SPECIALS])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.add_special_tokens(list(_LLAMA_SPECIALS))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A {begin} $B", special_tokens=[(begin, vocabulary[begin])]
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=begin, eos_token="<|eot_id|>", pad_token="<|pad|>"
    )
    wrapped.save_pretrained(folder)


def _write_clip_tokenizer(folder: Path) -> int:
    """Bytes as tokens, in the files that CLIP's tokenizer is published as. Returns the vocabulary's size."""
    symbols = _byte_symbols()
    vocabulary = [*symbols, *(f"{symbol}</w>" for symbol in symbols), *_CLIP_SPECIALS]
    start, end = _CLIP_SPECIALS
    folder.mkdir()
    _write_json(folder / "vocab.json", {symbol: place for place, symbol in enumerate(vocabulary)})
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": 77,
            "bos_token": start,
            "eos_token": end,
            "unk_token": end,
            "pad_token": end,
        },
    )
    return len(vocabulary)


def _write_processor(folder: Path) -> None:
    folder.mkdir()
    _write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "SiglipImageProcessor",
            "do_resize": True,
            "size": {"height": 28, "width": 28},
            "resample": 3,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
        },
    )


def _byte_symbols() -> list[str]:
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), "utf-8")
