"""An engine that is killed, stopped or told to cancel, in a real process, at the moments that hurt."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from enginekit.processes import MIA, STEPS, hall

from storage.jobs import JobState, Phase, Schedule, Status, frame_count

SECTIONS = 3


def in_a_step_of_the_second_section(status: Status) -> bool:
    progress = status.progress
    return progress is not None and progress.phase is Phase.SAMPLING and progress.section == 1 and progress.step >= 2


def between_sections(status: Status) -> bool:
    """The first section is durable; its window is being decoded or the second one begins."""
    return status.sections_done == 1


@pytest.mark.parametrize(
    ("moment", "schedule"),
    [
        (in_a_step_of_the_second_section, Schedule.INVERTED),
        (in_a_step_of_the_second_section, Schedule.FORWARD),
        (between_sections, Schedule.INVERTED),
    ],
)
async def test_a_killed_engines_film_equals_the_uninterrupted_one(
    tmp_path: Path, moment: Callable[[Status], bool], schedule: Schedule
):
    async with hall(tmp_path) as house:
        killed = await house.ask("killed", schedule=schedule)
        engine = await house.start("engine-1")
        await house.until(killed.request_id, moment, "engine-1")
        await house.kill(engine, "engine-1")
        interrupted = await house.store.status(killed.request_id)
        assert (interrupted.state, interrupted.interrupted) == (JobState.QUEUED, True)
        assert interrupted.sections_done >= 1

        whole = await house.ask("uninterrupted", schedule=schedule)
        engine = await house.start("engine-2")
        killed = await house.until(killed.request_id, lambda status: status.state.terminal, "engine-2")
        whole = await house.until(whole.request_id, lambda status: status.state.terminal, "engine-2")
        assert await house.stop(engine) == 0
        assert (killed.state, whole.state) == (JobState.DONE, JobState.DONE)
        assert len(house.frames(killed)) == frame_count(SECTIONS)
        np.testing.assert_array_equal(house.frames(killed), house.frames(whole))


async def test_two_deaths_on_one_request_end_it_free_of_charge(tmp_path: Path):
    async with hall(tmp_path) as house:
        film = await house.ask("poison")
        for worker in ("engine-1", "engine-2"):
            engine = await house.start(worker)
            await house.until(film.request_id, lambda status: status.progress is not None, worker)
            await house.kill(engine, worker)
        film = await house.store.status(film.request_id)
        assert film.state is JobState.FAILED
        assert film.failure is not None
        assert film.failure.code == "poison"
        assert film.charged_ms == 0


async def test_a_stopped_engine_gives_the_film_back_without_a_try(tmp_path: Path):
    async with hall(tmp_path) as house:
        film = await house.ask("stopped")
        for attempt in range(3):  # more often than there are tries
            engine = await house.start(f"engine-{attempt}")
            await house.until(
                film.request_id,
                lambda status: status.state is JobState.RUNNING and status.progress is not None,
                f"engine-{attempt}",
            )
            if attempt == 1 and sys.platform != "win32":
                engine.terminate()  # a service manager's way; the bot's is to close standard input
            assert await house.stop(engine) == 0
            film = await house.store.status(film.request_id)
            assert film.state is JobState.QUEUED
        whole = await house.ask("uninterrupted")
        engine = await house.start("engine-last")
        film = await house.until(film.request_id, lambda status: status.state.terminal, "engine-last")
        whole = await house.until(whole.request_id, lambda status: status.state.terminal, "engine-last")
        assert await house.stop(engine) == 0
        assert (film.state, whole.state) == (JobState.DONE, JobState.DONE)
        np.testing.assert_array_equal(house.frames(film), house.frames(whole))
        assert not (tmp_path / "work" / str(film.request_id)).exists()


async def test_a_cancel_is_heard_between_blocks_and_charges_the_steps_that_were_drawn(tmp_path: Path):
    async with hall(tmp_path) as house:
        # Longer sections: the wish is heard with the next beat, within 2 s, and the second one must last until then.
        film = await house.ask("cancelled", steps=3 * STEPS)
        engine = await house.start("engine-1")
        await house.until(film.request_id, in_a_step_of_the_second_section, "engine-1")
        await house.store.cancel(film.request_id, by=MIA)
        film = await house.until(film.request_id, lambda status: status.state.terminal, "engine-1")
        assert film.state is JobState.CANCELLED
        assert film.sections_done == 1
        # One section, and so many steps of the second as were begun.
        assert 1200 < film.charged_ms <= 2400
        assert (film.charged_ms - 1200) in {1200 * step // (3 * STEPS) for step in range(1, 3 * STEPS + 1)}
        assert await house.stop(engine) == 0
        assert not (tmp_path / "work" / str(film.request_id)).exists()
