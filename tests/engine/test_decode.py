import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.decode import Blender
from engine.plan import Plan
from storage.jobs import Schedule


def windows(plan: Plan) -> list[Tensor]:
    """What a decoder would give for every section: (1, 3, 4·latents − 3, 1, 1)."""
    generator = torch.Generator().manual_seed(plan.sections)
    return [
        torch.randn((1, 3, 4 * plan.window(section) - 3, 1, 1), generator=generator) for section in range(plan.sections)
    ]


def join(earlier: Tensor, later: Tensor, overlap: int) -> Tensor:
    """Two stretches of film that share `overlap` frames, the plain way: with all their pixels at hand."""
    seam = [
        earlier[:, :, earlier.shape[2] - overlap + place] * (1 - place / max(overlap - 1, 1))
        + later[:, :, place] * (place / max(overlap - 1, 1))
        for place in range(overlap)
    ]
    return torch.cat([earlier[:, :, :-overlap], torch.stack(seam, dim=2), later[:, :, overlap:]], dim=2)


def whole_film(plan: Plan) -> Tensor:
    film, *others = windows(plan)
    for window in others:
        film = join(window, film, plan.overlap) if plan.inverted else join(film, window, plan.overlap)
    return film


@settings(deadline=None, max_examples=60)
@given(
    st.builds(
        Plan,
        sections=st.integers(1, 9),
        schedule=st.sampled_from(Schedule),
        steps=st.just(1),
        height=st.just(16),
        width=st.just(16),
        latent_window_size=st.integers(2, 10),
    )
)
def test_segments_are_the_film_that_blending_whole_films_would_give(plan: Plan) -> None:
    blender = Blender(plan)
    expected = whole_film(plan)
    assert expected.shape[2] == plan.frames
    for section, window in enumerate(windows(plan)):
        span = plan.segment(section)
        segment = blender.add(section, window)
        if segment is None:
            assert span.count == 0
            continue
        assert segment.first_frame == span.first_frame
        ours = expected[:, :, span.first_frame : span.first_frame + span.count]
        torch.testing.assert_close(segment.frames, ours, rtol=0, atol=1e-5)


@pytest.mark.parametrize("schedule", Schedule)
def test_a_skipped_section_leaves_the_same_seam(schedule: Schedule) -> None:
    plan = Plan(sections=3, schedule=schedule, steps=1, height=16, width=16)
    first, second, third = windows(plan)
    added, skipped = Blender(plan), Blender(plan)
    added.add(0, first)
    added.add(1, second)
    skipped.skip(1, second)
    one, other = added.add(2, third), skipped.add(2, third)
    assert one is not None
    assert other is not None
    assert torch.equal(one.frames, other.frames)
