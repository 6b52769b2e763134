"""Films of the little model, from a picture and a wish to frames in memory: the engine's own way, without files."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from engine.conditioning import Conditioning
from engine.encoders import FilmInputs, encode_inputs
from engine.film import Finished, Guidance, SectionDecoded, Step, generate
from engine.little.motions import Motion, render
from engine.little.pictures import Layers, draw_pictures
from engine.plan import Plan, plan_film
from engine.preview import fit_latent_rgb
from engine.weights import ModelSet
from storage.jobs import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One film."""

    picture: Image.Image
    wish: str
    seconds: float = 2.4
    seed: int = 1
    size: int
    steps: int
    schedule: Schedule = Schedule.INVERTED

    @property
    def plan(self) -> Plan:
        return plan_film(
            duration_ms=round(1000 * self.seconds),
            schedule=self.schedule,
            steps=self.steps,
            size=self.size,
            picture_height=self.picture.height,
            picture_width=self.picture.width,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    frames: Tensor
    """(3, T, H, W), clamped to −1 to 1."""
    strip: Tensor
    """(3, W, H, W): the preview of the section next to the start picture, after half of its steps."""


def held_out_layers(number: int, side: int) -> Layers:
    """A drawn picture that no training has seen: its generator's seed is none of theirs."""
    return draw_pictures(torch.Generator().manual_seed(2**40 + number), 1, side, side)


def as_image(pixels: Tensor) -> Image.Image:
    """pixels: (3, H, W) in 0 to 1."""
    return Image.fromarray((pixels.permute(1, 2, 0) * 255).round().byte().numpy())


def truth(layers: Layers, motion: Motion, frames: int) -> Tensor:
    """What the film should be. Returns (3, T, H, W) in −1 to 1."""
    return render(layers, [motion], torch.ones(1), torch.arange(frames))[0]


def conditioning_of(wanted: Wanted, models: ModelSet) -> Conditioning:
    plan = wanted.plan
    inputs = FilmInputs(
        prompt=wanted.wish,
        negative_prompt=None,
        picture=wanted.picture,
        end_picture=None,
        height=plan.height,
        width=plan.width,
    )
    return encode_inputs(inputs, models)


def shoot(wanted: Wanted, models: ModelSet) -> Shot:
    plan, conditioning = wanted.plan, conditioning_of(wanted, models)
    nearest = plan.sections - 1 if plan.inverted else 0
    segments: dict[int, Tensor] = {}
    strip = torch.empty(0)
    with models.backbone(plan.schedule) as backbone:
        colours = fit_latent_rgb(conditioning.start, backbone.decode(conditioning.start, _nothing))
        for event in generate(plan, conditioning, backbone, seed=wanted.seed, guidance=Guidance()):
            match event:
                case Step(section=section, step=step, x0=x0) if section == nearest and step == (plan.steps + 1) // 2:
                    small = colours(torch.cat([conditioning.start, x0.cpu()], dim=2))[0].transpose(0, 1)
                    strip = interpolate(small, (plan.height, plan.width), mode="bicubic").transpose(0, 1)
                case SectionDecoded(segment=segment) if segment is not None:
                    segments[segment.first_frame] = segment.frames
                case _:
                    pass
    frames = torch.cat([part for _, part in sorted(segments.items())], dim=2)[0]
    return Shot(frames=frames.clamp(-1, 1), strip=strip)


def shoot_plainly(wanted: Wanted, models: ModelSet) -> Tensor:
    """As long films are made without packed history: each part starts from the last latent of the part before.

    Returns (3, T, H, W).
    """
    whole = wanted.plan
    plan = Plan(sections=1, schedule=Schedule.FORWARD, steps=whole.steps, height=whole.height, width=whole.width)
    conditioning = conditioning_of(wanted, models)
    latents = [conditioning.start]
    with models.backbone(plan.schedule) as backbone:
        for part in range(whole.sections):
            here = replace(conditioning, start=latents[-1][:, :, -1:].clone())
            *_, last = generate(plan, here, backbone, seed=wanted.seed + part, guidance=Guidance())
            assert isinstance(last, Finished)
            latents.append(last.latents[:, :, 1:].clone())
        frames = backbone.decode(torch.cat(latents, dim=2), _nothing)[0]
    return frames.clamp(-1, 1)


def _nothing() -> None: ...
