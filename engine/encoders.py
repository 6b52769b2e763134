"""Words and pictures to conditioning, with one large encoder in memory at a time and the result kept on disk.

Source: FramePack's published programs, for the pictures; `engine/text.py` for the words.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.backbone import BetweenBlocks
from engine.conditioning import Conditioning, Prompt
from engine.hunyuan import encode_frames
from engine.text import encode_pooled, encode_text, read_chars
from engine.weights.models import ModelSet

_VERSION = 2
"""Grows whenever the same inputs would give other conditioning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmInputs:
    """What a member gave, in the film's bucket."""

    prompt: str
    negative_prompt: str | None
    """None unless true CFG is above 1: without it, nothing asks for it."""
    picture: Image.Image
    end_picture: Image.Image | None
    height: int
    width: int
    style: str = ""
    """Words that a long prompt must not push out."""

    def key(self, encoder_identity: str) -> str:
        """Names this conditioning on disk. The film's seed is not in it: a reroll finds it there."""
        sha = hashlib.sha256(
            repr(
                (_VERSION, encoder_identity, self.prompt, self.style, self.negative_prompt, self.height, self.width)
            ).encode()
        )
        for picture in (self.picture, self.end_picture):
            sha.update(b"none" if picture is None else _fingerprint(picture))
        return sha.hexdigest()


def encode_inputs(
    inputs: FilmInputs, models: ModelSet, *, cache: Path | None = None, between_blocks: BetweenBlocks = lambda: None
) -> Conditioning:
    """Conditioning from the cache folder, or encoded and put there.

    between_blocks: called between the encoders; may raise to stop.
    """
    path = None if cache is None else cache / f"{inputs.key(models.encoder_identity)}.safetensors"
    if path is not None and (kept := Conditioning.load(path)) is not None:
        with suppress(OSError):
            path.touch()  # those used longest ago make room first
        return kept
    conditioning = _encode(inputs, models, between_blocks)
    if path is not None:
        # A film is not lost over its cache: on a full disk the next one encodes again.
        with suppress(OSError):
            conditioning.save(path)
    return conditioning


def fit_picture(picture: Image.Image, height: int, width: int) -> Image.Image:
    """Scale a picture until it covers the bucket, then cut the middle out. Returns RGB."""
    picture = picture.convert("RGB")
    if picture.size == (width, height):
        return picture
    scale = max(width / picture.width, height / picture.height)
    scaled = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    left, top = (scaled.width - width) / 2, (scaled.height - height) / 2
    return scaled.crop((round(left), round(top), round(left + width), round(top + height)))


@torch.no_grad()
def _encode(inputs: FilmInputs, models: ModelSet, between_blocks: BetweenBlocks) -> Conditioning:
    prompts = [(inputs.prompt, inputs.style)]
    if inputs.negative_prompt is not None:
        prompts.append((inputs.negative_prompt, ""))
    with models.llama() as llama:
        texts = [encode_text(prompt, llama, style=style) for prompt, style in prompts]
        read = read_chars(inputs.prompt, inputs.style, llama)
    between_blocks()
    with models.clip() as clip:
        pooled = [encode_pooled(prompt, clip, style=style) for prompt, style in prompts]
    between_blocks()
    encoded = [Prompt(text=text, mask=mask, pooled=pool) for (text, mask), pool in zip(texts, pooled, strict=True)]

    pictures = [inputs.picture] + ([] if inputs.end_picture is None else [inputs.end_picture])
    fitted = [fit_picture(picture, inputs.height, inputs.width) for picture in pictures]
    with models.siglip() as siglip:
        images = []
        for picture in fitted:
            pixels = siglip.processor(images=picture, return_tensors="pt")["pixel_values"]
            images.append(siglip.network(pixels.to(siglip.device, siglip.dtype)).last_hidden_state.cpu())
    between_blocks()
    with models.vae() as vae:
        latents = [encode_frames(vae, _pixels(picture), _posterior_noise(picture)) for picture in fitted]
    return Conditioning(
        prompt=encoded[0],
        negative=encoded[1] if len(encoded) > 1 else None,
        # The network has one place for a picture. Source: FramePack pull request 167, whose mean of both pictures
        # the end-frame programs took over (diffusers computes it, and then uses the start picture alone).
        image=torch.stack(images).mean(dim=0),
        start=latents[0],
        end=latents[1] if len(latents) > 1 else None,
        unread_chars=len(inputs.prompt) - read,
    )


def _pixels(picture: Image.Image) -> Tensor:
    """(1, 3, 1, H, W) float32 in −1 to 1."""
    pixels = torch.from_numpy(np.asarray(picture).copy()).float() / 127.5 - 1
    return pixels.permute(2, 0, 1)[None, :, None]


def _posterior_noise(picture: Image.Image) -> torch.Generator:
    """Seeded by the picture itself: every film of it starts from the same latent, whatever its own seed."""
    return torch.Generator("cpu").manual_seed(int.from_bytes(_fingerprint(picture)[:4], "big"))


def _fingerprint(picture: Image.Image) -> bytes:
    return hashlib.sha256(repr((picture.mode, picture.size)).encode() + picture.tobytes()).digest()
