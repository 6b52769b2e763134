"""FramePack's algorithm, top to bottom: a film as a stream of events that the caller may leave at any point.

Source: FramePack (Zhang and Agrawala 2025, arXiv 2504.12626) and its two published programs. The inverted one
draws the ending first and works toward the start picture; the forward one (F1) continues from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from engine.backbone import Backbone, BetweenBlocks, Context
from engine.checkpoint import Checkpoint
from engine.conditioning import Conditioning, Prompt
from engine.decode import Blender, Segment
from engine.history import Latents, newest_at, pack_context
from engine.plan import Plan
from engine.sampler import UniPC
from storage.errors import FilmFailed, RequestRejected

ALGORITHM = 1
"""Part of a film's identity; grows whenever the same inputs would give other numbers."""

LATENT_RMS_MAX = 100.0
"""Latents of a working network stay near 1; this is far outside, and far inside what overflow produces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """How strongly a film follows its prompt."""

    scale: float = 10.0
    """Distilled: an input of the network."""
    true_cfg_scale: float = 1.0
    """Classifier-free guidance by a second forward pass on the negative prompt; 1 means none."""
    rescale: float = 0.0
    """0 to 1: how much of guidance's excess contrast is taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The network was asked once more."""

    section: int
    """In order of generation, from 0."""
    step: int
    """Finished in this section: 1 to the plan's steps."""
    x0: Tensor
    """(1, C, W, h, w) float32 on the backbone's device: the section as it would be now. Read it, never write."""
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionDrawn:
    """A section's latents are final. Comes before decoding, so that they can be saved first."""

    section: int
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionDecoded:
    """A section's window became pixels."""

    section: int
    window: Tensor
    """(1, 3, T, H, W) float32 on the CPU, before blending: the newest stretch of film, for a preview."""
    segment: Segment | None
    """The frames that are final now; None after the first of several inverted sections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """All segments were emitted: together they are frames 0 to `plan.frames` − 1."""

    latents: Tensor
    """(1, C, W·S + 1, h, w) float32 on the CPU: the whole film."""


Event = Step | SectionDrawn | SectionDecoded | Finished


def generate(
    plan: Plan,
    conditioning: Conditioning,
    backbone: Backbone,
    *,
    seed: int,
    guidance: Guidance,
    between_blocks: BetweenBlocks = lambda: None,
    resume: Checkpoint | None = None,
    kept: Container[int] = (),
) -> Iterator[Event]:
    """Draw a film.

    Per section: a Step for each model call, SectionDrawn, SectionDecoded; at the end Finished.
    resume: goes on from there, and then equals the uninterrupted film, bit for bit on one device.
    kept: sections whose segments are safe elsewhere; with `resume`, those missing are decoded again first.
    Closing the iterator, or raising from `between_blocks`, stops it; nothing needs cleaning up.
    Raises CheckpointRefused for a checkpoint of another film, RequestRejected for an end picture in a forward
    film, FilmFailed(code="bad_numbers"), OutOfMemory.
    """
    if conditioning.end is not None and not plan.inverted:
        raise RequestRejected(
            "This model draws from the start picture on, so an end picture has no place in it.", field="end_picture"
        )
    film = film_identity(plan, conditioning, backbone.identity, seed=seed, guidance=guidance)
    if resume is not None:
        resume.require(film)
    sampler = UniPC(plan.sigmas)
    blender = Blender(plan)
    # Noise is drawn on the CPU, by one generator for the whole film: a seed gives the same film on every card.
    generator = torch.Generator("cpu").manual_seed(seed)
    latents = Latents(plan, conditioning.start, None if resume is None else resume.latents)
    drawn, state = 0, None
    if resume is not None:
        generator.set_state(resume.generator)
        drawn = resume.sections_drawn
        state = None if resume.sampler is None else resume.sampler.to(backbone.device)
        yield from _decode_again(plan, latents.drawn, drawn, backbone, blender, kept, between_blocks)

    def checkpoint() -> Checkpoint:
        return Checkpoint(
            film=film, sections_drawn=drawn, latents=latents.drawn, generator=generator.get_state(), sampler=state
        )

    for section in range(drawn, plan.sections):
        context = pack_context(plan, section, latents.drawn, conditioning, backbone.device)
        if state is None:
            state = sampler.start(_noise(plan, backbone, generator))
        while not sampler.done(state):
            x, sigma = sampler.predict(state), plan.sigmas[state.step]
            velocity = _guided_velocity(x, sigma, context, conditioning, backbone, guidance, between_blocks)
            x0 = _checked(x - sigma * velocity)
            state = sampler.correct(state, x0)
            yield Step(section=section, step=state.step, x0=x0, checkpoint=checkpoint())
        so_far = latents.add(state.x0s[0].cpu())
        drawn, state = section + 1, None
        yield SectionDrawn(section=section, checkpoint=checkpoint())
        # Not named here: a name would keep these pixels alive while the next section is drawn.
        yield _decoded(section, backbone.decode(newest_at(plan, section, so_far, drawn), between_blocks), blender)
    assert latents.drawn is not None
    yield Finished(latents=latents.drawn)


def film_identity(plan: Plan, conditioning: Conditioning, weights: str, *, seed: int, guidance: Guidance) -> str:
    """Hash of all that decides a film's numbers. weights: `backbone.identity`."""
    facts = [ALGORITHM, asdict(plan), conditioning.digest, weights, seed, asdict(guidance)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _noise(plan: Plan, backbone: Backbone, generator: torch.Generator) -> Tensor:
    shape = (1, backbone.latent_channels, plan.latent_window_size, plan.latent_height, plan.latent_width)
    return torch.randn(shape, generator=generator, dtype=torch.float32).to(backbone.device)


def _guided_velocity(
    x: Tensor,
    sigma: float,
    context: Context,
    conditioning: Conditioning,
    backbone: Backbone,
    guidance: Guidance,
    between_blocks: BetweenBlocks,
) -> Tensor:
    def ask(prompt: Prompt) -> Tensor:
        return backbone.velocity(x, sigma, context, prompt, guidance.scale, between_blocks)

    positive = ask(conditioning.prompt)
    if guidance.true_cfg_scale == 1 or conditioning.negative is None:
        return positive
    negative = ask(conditioning.negative)
    guided = negative + guidance.true_cfg_scale * (positive - negative)
    # Source: Lin et al. 2023, section 3.4: guidance raises the contrast, the rescale takes part of it back.
    rescaled = guided * (positive.std() / guided.std())
    return guidance.rescale * rescaled + (1 - guidance.rescale) * guided


def _decode_again(
    plan: Plan,
    latents: Tensor | None,
    drawn: int,
    backbone: Backbone,
    blender: Blender,
    kept: Container[int],
    between_blocks: BetweenBlocks,
) -> Iterator[SectionDecoded]:
    """Bring the blender where it was, and emit the segments that were lost."""
    for section in range(drawn):
        needed_next = section + 1 < plan.sections and (section + 1 == drawn or section + 1 not in kept)
        if section in kept and not needed_next:
            continue
        assert latents is not None
        newest = newest_at(plan, section, latents, drawn)
        if section in kept:
            blender.skip(section, backbone.decode(newest, between_blocks))
        else:
            yield _decoded(section, backbone.decode(newest, between_blocks), blender)


def _checked(x0: Tensor) -> Tensor:
    """Stop at the first step where a card or weights are broken, rather than after minutes of noise."""
    rms = x0.square().mean().sqrt().item()
    if not rms < LATENT_RMS_MAX:  # also true of NaN
        raise FilmFailed(
            f"The network's numbers are out of range (root mean square {rms:.3g}): "
            "its weights or the card are faulty, or the precision does not fit.",
            code="bad_numbers",
        )
    return x0


def _decoded(section: int, window: Tensor, blender: Blender) -> SectionDecoded:
    if not torch.isfinite(window).all():
        raise FilmFailed(
            "The decoder gave frames that are not numbers: its weights or the card are faulty, "
            "or the precision does not fit.",
            code="bad_numbers",
        )
    return SectionDecoded(section=section, window=window, segment=blender.add(section, window))
