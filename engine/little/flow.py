"""Teaching the transformer: flow matching on sections of drawn films, under both schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers.models.transformers.transformer_hunyuan_video_framepack import HunyuanVideoFramepackTransformer3DModel
from torch import Tensor, nn
from torch.nn.functional import unfold

from engine.little.films import Films, Section, Studio, cut
from engine.little.lessons import dice, ramp
from engine.little.muon import Muon
from engine.little.pictures import draw_pictures
from engine.little.sizes import Curriculum, FlowLesson
from engine.little.transformer_start import start_transformer
from storage.jobs import Schedule

GUIDANCE_SCALE = 10.0
"""The engine's default, and the only value there is: nothing is distilled."""
_FILMS_KEPT = 8
"""Batches of films that sections are taken from."""
_HISTORY_NOISE = 0.15
"""A film's own history is never as clean as a true one: up to so much of it is noise in training."""
_ALL_NOISE_SHARE = 0.4
"""Of samples are noise alone: the first step decides the motion."""
_MUON = 2.0
"""How much faster than the rest the matrices inside the blocks learn."""


def fresh_transformer(curriculum: Curriculum, encode: Callable[[Tensor], Tensor], device: torch.device) -> Any:
    """A HunyuanVideoFramepackTransformer3DModel that stands still."""
    network: Any = HunyuanVideoFramepackTransformer3DModel(**curriculum.networks.transformer)
    generator = torch.Generator().manual_seed(5)
    pictures = draw_pictures(generator, 64, 96, 96).flat.unsqueeze(2) * 2 - 1
    latents = encode(pictures.to(device)).squeeze(2).cpu()
    start_transformer(network, unfold(latents, 2, stride=2).transpose(1, 2).flatten(0, 1), generator)
    return network.to(device)


class FlowStage:
    """One lesson: sections of one bucket class."""

    def __init__(
        self,
        name: str,
        network: HunyuanVideoFramepackTransformer3DModel,
        average: HunyuanVideoFramepackTransformer3DModel,
        lesson: FlowLesson,
        curriculum: Curriculum,
        studio: Studio,
        half: torch.dtype,
    ) -> None:
        """average: takes the averaged weights; equal to `network` before the first lesson."""
        self.name, self.steps = name, lesson.steps
        self._network, self._average = network, average.requires_grad_(False)
        self._lesson, self._curriculum, self._studio, self._half = lesson, curriculum, studio, half
        self._device = next(network.parameters()).device
        self._films: dict[int, Films] = {}
        blocks = (*network.transformer_blocks, *network.single_transformer_blocks)
        inner = [
            weight
            for block in blocks
            for name, weight in block.named_parameters()
            if weight.ndim == 2 and "norm" not in name
        ]
        known = {id(weight) for weight in inner}
        outer = [weight for weight in network.parameters() if id(weight) not in known]
        self._optimizers: dict[str, tuple[torch.optim.Optimizer, float]] = {
            "muon": (Muon(inner, lr=lesson.rate, weight_decay=0.01), _MUON),
            "adamw": (torch.optim.AdamW(outer, lr=lesson.rate, betas=(0.9, 0.98), weight_decay=0.01), 1.0),
        }
        self._hooks = [block.register_forward_pre_hook(_without_mask) for block in blocks]

    def step(self, index: int) -> float:
        generator = dice(self.name, index, self._device)
        films = self._some_films(index, generator)
        section = _some_section(films, self._curriculum.forward_share, generator)
        loss = flow_loss(self._network, films, section, generator, self._half)
        rate = self._lesson.rate * ramp(index, self.steps, warm_up=60, decay=self._lesson.decay)
        self._network.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        for optimizer, factor in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
        past = min(self._curriculum.average, (index + 1) / (index + 20))
        with torch.no_grad():
            for kept, weight in zip(self._average.parameters(), self._network.parameters(), strict=True):
                kept.lerp_(weight, 1 - past)
        return loss.item()

    def state(self) -> dict[str, Any]:
        return {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, (optimizer, _) in self._optimizers.items()},
        }

    def load(self, state: dict[str, Any]) -> None:
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        for name, (optimizer, _) in self._optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])

    def finish(self) -> None:
        """Leave both networks as they were but for what they have learned."""
        for hook in self._hooks:
            hook.remove()

    def _some_films(self, index: int, generator: torch.Generator) -> Films:
        newest = index // self._lesson.reuse
        back = torch.randint(min(_FILMS_KEPT, newest + 1), (), generator=generator, device=self._device)
        number = newest - int(back)
        if number not in self._films:
            self._films[number] = self._studio.films(
                self.name, number, count=self._lesson.batch, size=self._lesson.size, device=self._device
            )
        for old in [kept for kept in self._films if kept <= newest - _FILMS_KEPT]:
            del self._films[old]
        return self._films[number]


def flow_loss(
    network: HunyuanVideoFramepackTransformer3DModel,
    films: Films,
    section: Section,
    generator: torch.Generator,
    half: torch.dtype,
) -> Tensor:
    """Mean square error of the velocity at random noise levels."""
    wanted, device = section.wanted, section.wanted.device
    count = len(wanted)
    even = torch.rand(count, generator=generator, device=device)
    # As far toward noise as the engine's schedule lies at small sizes.
    sigma = 3 * even / (1 + 2 * even)
    sigma[: max(1, round(count * _ALL_NOISE_SHARE))] = 1
    noise = torch.randn(wanted.shape, generator=generator, device=device)
    level = sigma.view(-1, 1, 1, 1, 1)
    with torch.autocast(device.type, dtype=half, enabled=half is not torch.float32):
        velocity = ask(network, (1 - level) * wanted + level * noise, sigma, films, section)
    return (velocity.float() - (noise - wanted)).square().mean()


def ask(
    network: HunyuanVideoFramepackTransformer3DModel, x: Tensor, sigma: Tensor, films: Films, section: Section
) -> Tensor:
    """The network's velocity for a batch. x: (B, C, W, h, w). sigma: (B,)."""
    device, context = x.device, section.context
    indices = context.indices

    def place(numbers: tuple[int, ...]) -> Tensor:
        return torch.tensor(numbers, device=device)

    (velocity,) = network(
        hidden_states=x,
        timestep=1000 * sigma,
        guidance=torch.full((len(x),), 1000 * GUIDANCE_SCALE, device=device),
        encoder_hidden_states=films.text,
        encoder_attention_mask=torch.ones(films.text.shape[:2], dtype=torch.bool, device=device),
        pooled_projections=films.pooled,
        image_embeds=films.image,
        indices_latents=place(indices.noise),
        latents_clean=context.clean,
        indices_latents_clean=place(indices.start + indices.near_1x),
        latents_history_2x=context.history_2x,
        indices_latents_history_2x=place(indices.near_2x),
        latents_history_4x=context.history_4x,
        indices_latents_history_4x=place(indices.near_4x),
        return_dict=False,
    )
    return velocity


def _some_section(films: Films, forward_share: float, generator: torch.Generator) -> Section:
    """Any section under any schedule, its history a little noisy."""
    device = generator.device
    forward = torch.rand((), generator=generator, device=device) < forward_share
    number = int(torch.randint(films.sections, (), generator=generator, device=device))
    section = cut(films, number, Schedule.FORWARD if forward else Schedule.INVERTED)
    context = section.context
    strength = torch.rand(len(films.latents), 1, 1, 1, 1, generator=generator, device=device) * _HISTORY_NOISE

    def roughened(known: Tensor) -> Tensor:
        noise = torch.randn(known.shape, generator=generator, device=device)
        return known + noise * strength * (known != 0)

    start, near = context.clean.split(1, dim=2)
    noisy = type(context)(
        indices=context.indices,
        # The start picture is always as clean as in a film.
        clean=torch.cat([start, roughened(near)], dim=2),
        history_2x=roughened(context.history_2x),
        history_4x=roughened(context.history_4x),
        image=context.image,
    )
    return Section(wanted=section.wanted, context=noisy)


def _without_mask(_block: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """All wishes of a batch have the same length: a mask of ones would only cost time."""
    hidden, text, modulation, _, rotation = arguments
    return hidden, text, modulation, None, rotation
