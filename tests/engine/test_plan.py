import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.plan import Plan, bucket, plan_film
from storage.jobs import Schedule, frame_count

plans = st.builds(
    Plan,
    sections=st.integers(1, 100),
    schedule=st.sampled_from(Schedule),
    steps=st.integers(1, 60),
    height=st.integers(1, 60).map(lambda side: 16 * side),
    width=st.integers(1, 60).map(lambda side: 16 * side),
    latent_window_size=st.integers(1, 12),
)


@given(plans)
def test_segments_tile_the_film_in_the_order_of_its_schedule(plan: Plan) -> None:
    spans = [plan.segment(section) for section in range(plan.sections)]
    assert sum(span.count for span in spans) == plan.frames == 4 * plan.latent_window_size * plan.sections + 1
    in_film_order = reversed(spans) if plan.inverted else spans
    expected = 0
    for span in in_film_order:
        assert span.first_frame == expected
        expected += span.count


@given(plans)
def test_every_section_lies_between_start_and_history_without_a_gap(plan: Plan) -> None:
    for section, padding in enumerate(plan.paddings):
        places = plan.indices(section)
        history = places.near_1x + places.near_2x + places.near_4x
        blank = padding * plan.latent_window_size
        if plan.inverted:
            assert places.noise[0] == places.start[0] + 1 + blank
            assert history == tuple(range(places.noise[-1] + 1, places.noise[-1] + 20))
        else:
            assert places.near_4x + places.near_2x + places.near_1x + places.noise == tuple(
                range(1, 20 + plan.latent_window_size)
            )
        assert len(places.noise) == plan.latent_window_size


@given(plans)
def test_noise_levels_fall_from_one_to_zero(plan: Plan) -> None:
    sigmas = plan.sigmas
    assert len(sigmas) == plan.steps + 1
    assert sigmas[0] == pytest.approx(1)
    assert sigmas[-1] == 0
    assert all(earlier > later for earlier, later in pairwise(sigmas))


@given(plans)
def test_windows_never_reach_beyond_what_is_drawn(plan: Plan) -> None:
    for section in range(plan.sections):
        assert 1 <= plan.window(section) <= plan.latents_after(section)
    assert 4 * plan.latents_after(plan.sections - 1) - 3 == plan.frames


@pytest.mark.parametrize(
    ("sections", "paddings"),
    [(1, (0,)), (2, (1, 0)), (4, (3, 2, 1, 0)), (5, (3, 2, 2, 1, 0)), (7, (3, 2, 2, 2, 2, 1, 0))],
)
def test_inverted_films_approach_the_start_picture(sections: int, paddings: tuple[int, ...]) -> None:
    plan = Plan(sections=sections, schedule=Schedule.INVERTED, steps=1, height=64, width=64)
    assert plan.paddings == paddings


@pytest.mark.parametrize(("sections", "spans"), [(1, [(0, 37)]), (3, [(109, 0), (73, 36), (0, 73)])])
def test_inverted_films_become_final_from_the_end(sections: int, spans: list[tuple[int, int]]) -> None:
    plan = Plan(sections=sections, schedule=Schedule.INVERTED, steps=1, height=64, width=64)
    found = [plan.segment(section) for section in range(sections)]
    assert [(span.first_frame, span.count) for span in found] == spans


def test_forward_films_become_final_from_the_start() -> None:
    plan = Plan(sections=3, schedule=Schedule.FORWARD, steps=1, height=64, width=64)
    found = [plan.segment(section) for section in range(3)]
    assert [(span.first_frame, span.count) for span in found] == [(0, 4), (4, 36), (40, 69)]


@given(
    height=st.integers(1, 5000),
    width=st.integers(1, 5000),
    size=st.integers(4, 64).map(lambda steps: 16 * steps),
)
def test_buckets_fit_the_network_and_keep_the_pictures_orientation(height: int, width: int, size: int) -> None:
    bucket_height, bucket_width = bucket(height, width, size)
    assert bucket_height % 16 == bucket_width % 16 == 0
    assert (height - width) * (bucket_height - bucket_width) >= 0 or abs(height - width) < 0.1 * max(height, width)
    assert 0.5 * size**2 < bucket_height * bucket_width < 1.5 * size**2


def test_of_equally_near_buckets_the_last_wins() -> None:
    assert bucket(512, 512) == (640, 608)


def test_duration_becomes_sections_as_the_store_counts_them() -> None:
    plan = plan_film(
        duration_ms=5000, schedule=Schedule.INVERTED, steps=25, size=640, picture_height=480, picture_width=640
    )
    assert (plan.sections, plan.height, plan.width) == (4, 544, 704)
    assert plan.frames == frame_count(4) == 145


@pytest.mark.parametrize("change", [{"sections": 0}, {"steps": 0}, {"height": 40}, {"width": -16}])
def test_impossible_plans_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="multiples of 16" if change.get("height") == 40 else "positive"):
        Plan(**{"sections": 1, "schedule": Schedule.INVERTED, "steps": 1, "height": 64, "width": 64} | change)


def test_planning_does_not_load_torch() -> None:
    code = "import sys, engine.plan; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
