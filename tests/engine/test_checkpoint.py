import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from enginekit.drawing import Film, finish, random_conditioning, small_plan

from engine.checkpoint import Checkpoint, CheckpointRefused
from engine.conditioning import Conditioning
from engine.film import Guidance, SectionDrawn, Step, film_identity, generate
from engine.hunyuan import HunyuanBackbone
from engine.plan import Plan
from storage.jobs import Schedule

SEED = 5


def checkpoints(plan: Plan, conditioning: Conditioning, backbone: HunyuanBackbone) -> Iterator[Checkpoint]:
    for event in generate(plan, conditioning, backbone, seed=SEED, guidance=Guidance()):
        if isinstance(event, Step | SectionDrawn):
            yield event.checkpoint


def resumed(
    checkpoint: Checkpoint, plan: Plan, conditioning: Conditioning, backbone: HunyuanBackbone, kept: set[int]
) -> Film:
    events = generate(plan, conditioning, backbone, seed=SEED, guidance=Guidance(), resume=checkpoint, kept=kept)
    return finish(events)


@pytest.fixture
def plan() -> Plan:
    return small_plan(sections=2, steps=2)


@pytest.fixture
def saved(plan: Plan, backbone: HunyuanBackbone, tmp_path: Path) -> Path:
    """A step checkpoint of the second section."""
    conditioning = random_conditioning(plan)
    checkpoint = list(checkpoints(plan, conditioning, backbone))[3]
    assert checkpoint.sections_drawn == 1
    assert checkpoint.sampler is not None
    checkpoint.save(tmp_path / "film.safetensors")
    return tmp_path / "film.safetensors"


@pytest.mark.parametrize("schedule", Schedule)
def test_film_resumed_after_any_step_equals_the_uninterrupted_one_bit_for_bit(
    backbone: HunyuanBackbone, schedule: Schedule, tmp_path: Path
) -> None:
    plan = small_plan(schedule, sections=3, steps=4)
    conditioning = random_conditioning(plan, end=schedule is Schedule.INVERTED)
    whole = finish(generate(plan, conditioning, backbone, seed=SEED, guidance=Guidance()))
    identity = film_identity(plan, conditioning, backbone.identity, seed=SEED, guidance=Guidance())
    path = tmp_path / "film.safetensors"
    points = 0
    for checkpoint in checkpoints(plan, conditioning, backbone):
        checkpoint.save(path)
        film = resumed(Checkpoint.load(path, film=identity), plan, conditioning, backbone, kept=set())
        assert torch.equal(film.latents, whole.latents)
        assert torch.equal(film.frames(), whole.frames())
        points += 1
    assert points == 3 * (4 + 1)


@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize("kept", [{0}, {0, 1}, {0, 1, 2}, {1}, {0, 2}])
def test_segments_that_are_kept_are_not_drawn_again_and_the_others_fit_them(
    backbone: HunyuanBackbone, schedule: Schedule, kept: set[int]
) -> None:
    plan = small_plan(schedule, sections=4, steps=1)
    conditioning = random_conditioning(plan)
    whole = finish(generate(plan, conditioning, backbone, seed=SEED, guidance=Guidance()))
    third = [c for c in checkpoints(plan, conditioning, backbone) if c.sampler is None][2]
    film = resumed(third, plan, conditioning, backbone, kept)
    expected = {plan.segment(section).first_frame for section in range(4) if section not in kept}
    expected = {first for first in expected if first < plan.frames}
    assert set(film.segments) == expected
    for first_frame, frames in film.segments.items():
        assert torch.equal(frames, whole.segments[first_frame])


def test_a_finished_film_resumes_to_its_end_without_the_network(
    backbone: HunyuanBackbone, own_backbone: HunyuanBackbone, plan: Plan
) -> None:
    conditioning = random_conditioning(plan)
    last = list(checkpoints(plan, conditioning, backbone))[-1]
    own_backbone._transformer.proj_out.register_forward_hook(lambda *_: pytest.fail("the network was asked"))
    film = resumed(last, plan, conditioning, own_backbone, kept=set())
    assert film.frames().shape[2] == plan.frames


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"guidance": Guidance(scale=9)},
        {"weights": "others"},
        {"plan": small_plan(sections=2, steps=3)},
        {"conditioning": random_conditioning(small_plan(), seed=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_checkpoint_of_another_film_is_refused(
    backbone: HunyuanBackbone, plan: Plan, saved: Path, change: dict[str, object]
) -> None:
    facts = {
        "plan": plan,
        "conditioning": random_conditioning(plan),
        "weights": backbone.identity,
        "seed": SEED,
        "guidance": Guidance(),
    }
    same = film_identity(**facts)
    checkpoint = Checkpoint.load(saved, film=same)
    other = film_identity(**(facts | change))
    with pytest.raises(CheckpointRefused, match="another plan"):
        Checkpoint.load(saved, film=other)
    if "seed" in change:
        events = generate(plan, random_conditioning(plan), backbone, seed=6, guidance=Guidance(), resume=checkpoint)
        with pytest.raises(CheckpointRefused):
            next(events)


def test_cut_short_at_any_length_it_is_refused(saved: Path) -> None:
    whole = saved.read_bytes()
    for length in (0, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:length])
        with pytest.raises(CheckpointRefused, match="damaged"):
            Checkpoint.load(saved, film="any")


def test_one_flipped_bit_is_refused(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[-5] ^= 1
    saved.write_bytes(data)
    with pytest.raises(CheckpointRefused, match="damaged"):
        Checkpoint.load(saved, film="any")


def test_a_tensor_file_of_another_kind_is_refused(plan: Plan, tmp_path: Path) -> None:
    random_conditioning(plan).save(tmp_path / "other.safetensors")
    with pytest.raises(CheckpointRefused, match="no checkpoint"):
        Checkpoint.load(tmp_path / "other.safetensors", film="any")


def test_a_full_disk_leaves_the_earlier_checkpoint(
    backbone: HunyuanBackbone, plan: Plan, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = saved.read_bytes()
    later = list(checkpoints(plan, random_conditioning(plan), backbone))[-1]

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        later.save(saved)
    assert saved.read_bytes() == earlier
    assert list(saved.parent.iterdir()) == [saved]
