import gc
from collections.abc import Iterator

import pytest
import torch
from enginekit.drawing import Film, finish, random_conditioning, small_plan

from engine.conditioning import Conditioning
from engine.film import Guidance, SectionDecoded, SectionDrawn, Step, generate
from engine.hunyuan import HunyuanBackbone
from engine.plan import Plan
from storage.errors import FilmFailed, RequestRejected
from storage.jobs import Schedule

BLOCKS = 4
"""Transformer blocks of the tiny set."""


class Cancelled(Exception):
    pass


def draw(
    backbone: HunyuanBackbone,
    plan: Plan,
    conditioning: Conditioning | None = None,
    *,
    seed: int = 1,
    guidance: Guidance | None = None,
) -> Film:
    conditioning = conditioning or random_conditioning(plan)
    return finish(generate(plan, conditioning, backbone, seed=seed, guidance=guidance or Guidance()))


@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize("sections", [1, 2, 5])
def test_film_has_all_its_frames_and_its_start_latent_first(
    backbone: HunyuanBackbone, schedule: Schedule, sections: int
) -> None:
    plan = small_plan(schedule, sections=sections, steps=2)
    conditioning = random_conditioning(plan)
    film = draw(backbone, plan, conditioning)
    assert film.frames().shape == (1, 3, 8 * sections + 1, 32, 48)
    assert film.latents.shape[2] == 2 * sections + 1
    assert torch.equal(film.latents[:, :, :1], conditioning.start)


def test_a_seed_gives_the_same_film_and_another_seed_another(backbone: HunyuanBackbone) -> None:
    plan = small_plan()
    first, again, other = (draw(backbone, plan, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.frames(), again.frames())
    assert not torch.allclose(first.latents, other.latents)


@pytest.mark.parametrize("schedule", Schedule)
def test_events_come_in_the_order_of_the_algorithm(backbone: HunyuanBackbone, schedule: Schedule) -> None:
    plan = small_plan(schedule, sections=2, steps=3)
    events = generate(plan, random_conditioning(plan), backbone, seed=1, guidance=Guidance())
    section = [f"Step {step}" for step in (1, 2, 3)] + ["SectionDrawn", "SectionDecoded"]
    names = [f"Step {event.step}" if isinstance(event, Step) else type(event).__name__ for event in events]
    assert names == [*section, *section, "Finished"]


def test_end_picture_changes_the_first_section_already(backbone: HunyuanBackbone) -> None:
    plan = small_plan(sections=2)
    without = random_conditioning(plan)
    end = random_conditioning(plan, end=True).end
    film = draw(backbone, plan, without)
    towards = draw(
        backbone,
        plan,
        Conditioning(prompt=without.prompt, negative=None, image=without.image, start=without.start, end=end),
    )
    assert not torch.allclose(film.latents[:, :, -2:], towards.latents[:, :, -2:], atol=1e-6)


def test_forward_films_refuse_an_end_picture_before_any_work(backbone: HunyuanBackbone) -> None:
    plan = small_plan(Schedule.FORWARD)
    events = generate(plan, random_conditioning(plan, end=True), backbone, seed=1, guidance=Guidance())
    with pytest.raises(RequestRejected) as refusal:
        next(events)
    assert refusal.value.field == "end_picture"


def test_true_cfg_asks_twice_per_step(backbone: HunyuanBackbone) -> None:
    plan = small_plan(sections=1)
    conditioning = random_conditioning(plan, negative=True)
    calls = {1.0: 0, 3.0: 0}
    films = {}
    for scale in calls:

        def count(scale: float = scale) -> None:
            calls[scale] += 1

        guidance = Guidance(true_cfg_scale=scale, rescale=0.5)
        events = generate(plan, conditioning, backbone, seed=1, guidance=guidance, between_blocks=count)
        next(event for event in events if isinstance(event, SectionDrawn))
        films[scale] = finish(events)
    decoding = calls[1.0] - plan.steps * BLOCKS
    assert calls[3.0] == 2 * plan.steps * BLOCKS + decoding
    assert not torch.allclose(films[1.0].latents, films[3.0].latents)


@pytest.mark.parametrize("call", [1, 2, BLOCKS + 1, 3 * BLOCKS, 3 * BLOCKS + 1, 5 * BLOCKS + 2])
def test_film_stops_at_any_block_and_leaves_the_backbone_usable(backbone: HunyuanBackbone, call: int) -> None:
    plan = small_plan(sections=2, steps=3)
    expected = draw(backbone, plan)
    countdown = iter(range(call, -1, -1))

    def hook() -> None:
        if next(countdown) == 1:
            raise Cancelled

    conditioning = random_conditioning(plan)
    events = generate(plan, conditioning, backbone, seed=1, guidance=Guidance(), between_blocks=hook)
    steps = 0

    def follow() -> None:
        nonlocal steps
        for event in events:
            steps += isinstance(event, Step)

    with pytest.raises(Cancelled):
        follow()
    assert steps == min(3, (call - 1) // BLOCKS) if call <= 3 * BLOCKS else steps >= 3
    assert torch.equal(draw(backbone, plan).frames(), expected.frames())


def test_numbers_that_are_none_stop_the_film_at_its_first_step(own_backbone: HunyuanBackbone) -> None:
    spoil(own_backbone, "proj_out.bias", float("nan"))
    plan = small_plan()
    events = generate(plan, random_conditioning(plan), own_backbone, seed=1, guidance=Guidance())
    with pytest.raises(FilmFailed, match="out of range") as failure:
        next(events)
    assert failure.value.code == "bad_numbers"


def test_numbers_far_out_of_range_stop_the_film_at_its_first_step(own_backbone: HunyuanBackbone) -> None:
    spoil(own_backbone, "proj_out.bias", 1e4)
    plan = small_plan()
    with pytest.raises(FilmFailed) as failure:
        next(generate(plan, random_conditioning(plan), own_backbone, seed=1, guidance=Guidance()))
    assert failure.value.code == "bad_numbers"


def test_a_decoder_without_numbers_stops_the_film_after_its_latents_were_offered(
    own_backbone: HunyuanBackbone,
) -> None:
    with torch.no_grad():
        own_backbone._vae.post_quant_conv.bias.fill_(float("nan"))
    plan = small_plan()
    events = generate(plan, random_conditioning(plan), own_backbone, seed=1, guidance=Guidance())
    drawn = next(event for event in events if isinstance(event, SectionDrawn))
    assert drawn.checkpoint.sections_drawn == 1
    with pytest.raises(FilmFailed, match="decoder") as failure:
        next(events)
    assert failure.value.code == "bad_numbers"


@pytest.mark.parametrize("schedule", Schedule)
def test_pixels_held_between_sections_do_not_grow_with_the_film(backbone: HunyuanBackbone, schedule: Schedule) -> None:
    plan = small_plan(schedule, sections=6, steps=1)
    gc.collect()
    before = sum(frames_alive())
    events = generate(plan, random_conditioning(plan), backbone, seed=1, guidance=Guidance())
    held = []
    for event in events:
        decoded = isinstance(event, SectionDecoded)
        del event
        if not decoded:
            gc.collect()
            held.append(sum(frames_alive()) - before)
    # Steps and drawn sections after the first decode: the overlap alone, from the second section to the last.
    assert held == [0, 0] + [plan.overlap] * (2 * plan.sections - 2) + [0]


def frames_alive() -> Iterator[int]:
    """Frames of 32x48 pixels whose memory is held by any tensor."""
    stores = {}
    for thing in gc.get_objects():
        if issubclass(type(thing), torch.Tensor) and thing.shape[-2:] == (32, 48):
            stores[thing.untyped_storage().data_ptr()] = thing.untyped_storage().nbytes()
    return (nbytes // (4 * 3 * 32 * 48) for nbytes in stores.values())


def spoil(backbone: HunyuanBackbone, name: str, value: float) -> None:
    with torch.no_grad():
        backbone._transformer.get_parameter(name).fill_(value)
