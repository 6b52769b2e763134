"""Films to learn from, as the transformer sees them: latents, a wish, and the sections that they are cut into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad
from transformers import SiglipVisionConfig
from transformers.models.siglip.modeling_siglip import SiglipVisionModel

from engine.backbone import Context
from engine.little.captions import Wish, wish
from engine.little.lessons import dice, some_shape
from engine.little.motions import GENTLE, Motion, render
from engine.little.pictures import draw_pictures
from engine.little.sizes import IMAGE_SIDE, IMAGE_WIDTH, WINDOW, Curriculum
from engine.little.words import TextEncoders
from engine.plan import CONTEXT, CONTEXT_1X, CONTEXT_2X, CONTEXT_4X, TEMPORAL_RATIO, Plan
from storage.jobs import Schedule

_WISHES = 6000
_TAUGHT_SHARE = 0.8
"""Of wishes are for a motion that is taught; the rest get the gentle default."""
_ENCODED_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Films:
    """A batch of whole films of one shape, whose wishes have equally many tokens."""

    latents: Tensor
    """(B, C, 1 + W·S, h, w) scaled; the first is the start picture's."""
    text: Tensor
    """(B, L, D)"""
    pooled: Tensor
    """(B, D)"""
    image: Tensor
    """(B, tokens, D)"""

    @property
    def sections(self) -> int:
        return (self.latents.shape[2] - 1) // WINDOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What is to be drawn and what is known when it is."""

    wanted: Tensor
    """(B, C, W, h, w)"""
    context: Context


class WishBook:
    """Encoded wishes by their number of tokens, so that batches need no mask."""

    def __init__(
        self, encoders: TextEncoders, motions: Sequence[Motion], *, held_out: bool = False, count: int = _WISHES
    ) -> None:
        random = Random("wishes")
        asked = [random.choice(motions) if random.random() < _TAUGHT_SHARE else None for _ in range(count)]
        self.wishes = [wish(random, held_out=held_out, motion=motion) for motion in asked]
        self._lengths = torch.empty(count, dtype=torch.long)
        self._text: list[Tensor] = []
        pooled = []
        with torch.no_grad():
            for first in range(0, count, _ENCODED_AT_ONCE):
                words = encoders([each.text for each in self.wishes[first : first + _ENCODED_AT_ONCE]])
                self._lengths[first : first + _ENCODED_AT_ONCE] = words.lengths.cpu()
                self._text += [text[:length].clone() for text, length in zip(words.text, words.lengths, strict=True)]
                pooled.append(words.pooled)
        self._pooled = torch.cat(pooled)

    def some(self, generator: torch.Generator, count: int) -> tuple[list[Wish], Tensor, Tensor]:
        """Wishes of one length, their text (B, L, D) and pooled (B, D)."""
        device = generator.device
        length = self._lengths[int(torch.randint(len(self.wishes), (), generator=generator, device=device))]
        alike = (self._lengths == length).nonzero().flatten()
        chosen = alike[torch.randint(len(alike), (count,), generator=generator, device=device).cpu()].tolist()
        text = torch.stack([self._text[place] for place in chosen])
        return [self.wishes[place] for place in chosen], text, self._pooled[chosen]


def fresh_siglip() -> Any:
    """Small and untaught: the start latent says all that it could, but the layout has a place for it."""
    torch.manual_seed(4)
    config = SiglipVisionConfig(
        hidden_size=IMAGE_WIDTH,
        intermediate_size=2 * IMAGE_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=IMAGE_SIDE,
        patch_size=IMAGE_SIDE // 2,
    )
    return SiglipVisionModel(config).eval().requires_grad_(False)


@torch.no_grad()
def image_tokens(siglip: SiglipVisionModel, pictures: Tensor) -> Tensor:
    """pictures: (B, 3, H, W) in −1 to 1. Returns (B, tokens, D), as the engine's processor and network give."""
    small = interpolate(pictures, (IMAGE_SIDE, IMAGE_SIDE), mode="bicubic", antialias=True, align_corners=False)
    return siglip(small.clamp(-1, 1)).last_hidden_state


class Studio:
    """Makes films. The same number gives the same films."""

    def __init__(
        self, curriculum: Curriculum, encode: Callable[[Tensor], Tensor], book: WishBook, siglip: SiglipVisionModel
    ) -> None:
        self._curriculum, self._encode, self._book, self._siglip = curriculum, encode, book, siglip

    def films(self, stage: str, number: int, *, count: int, size: int, device: torch.device) -> Films:
        generator = dice(f"{stage} films", number, device)
        height, width = some_shape(generator, size)
        wishes, text, pooled = self._book.some(generator, count)
        speeds = torch.tensor([self._curriculum.speeds[each.pace] for each in wishes], device=device)
        choice = int(torch.randint(len(self._curriculum.sections), (), generator=generator, device=device))
        length = WINDOW * self._curriculum.sections[choice] + 1
        layers = draw_pictures(generator, count, height, width)
        # A motion that is not taught this time is a wish like any other that is not understood.
        taught = [each.motion if each.motion in self._curriculum.motions else GENTLE for each in wishes]
        pictures = render(layers, taught, speeds, torch.arange(length, device=device) * TEMPORAL_RATIO)
        return Films(
            latents=self._encode(pictures),
            text=text,
            pooled=pooled,
            image=image_tokens(self._siglip, pictures[:, :, 0]),
        )


def cut(films: Films, section: int, schedule: Schedule) -> Section:
    """A section with what the engine knows when it draws it: `engine.history.pack_context` for a batch of whole films.

    section: in film order, from 0.
    """
    count = films.sections
    inverted = schedule is Schedule.INVERTED
    first = 1 + section * WINDOW
    wanted = films.latents[:, :, first : first + WINDOW]
    start = films.latents[:, :, :1]
    height, width = films.latents.shape[3] * 8, films.latents.shape[4] * 8
    plan = Plan(sections=count, schedule=schedule, steps=1, height=height, width=width)
    if inverted:
        later = films.latents[:, :, first + WINDOW :][:, :, :CONTEXT]
        history = pad(later, (0, 0, 0, 0, 0, CONTEXT - later.shape[2]))
        near_1x, near_2x, near_4x = history.split([CONTEXT_1X, CONTEXT_2X, CONTEXT_4X], dim=2)
        indices = plan.indices(count - 1 - section)
    else:
        earlier = films.latents[:, :, :first][:, :, -CONTEXT:]
        history = pad(earlier, (0, 0, 0, 0, CONTEXT - earlier.shape[2], 0))
        near_4x, near_2x, near_1x = history.split([CONTEXT_4X, CONTEXT_2X, CONTEXT_1X], dim=2)
        indices = plan.indices(section)
    context = Context(
        indices=indices,
        clean=torch.cat([start, near_1x], dim=2),
        history_2x=near_2x,
        history_4x=near_4x,
        image=films.image,
    )
    return Section(wanted=wanted, context=context)
