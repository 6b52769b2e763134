"""The owner pauses within a film, in a real engine process: the film loses its turn and nothing else."""

from pathlib import Path

import numpy as np
from enginekit.processes import Hall, hall
from sqlalchemy import select

from storage.jobs import JobState, Phase, Status, frame_count
from storage.schema import attempt
from storage.words import Outcome

SECTIONS = 3


def in_a_step_of_the_second_section(status: Status) -> bool:
    progress = status.progress
    return progress is not None and progress.phase is Phase.SAMPLING and progress.section == 1 and progress.step >= 2


def given_back(status: Status) -> bool:
    return status.state is JobState.QUEUED


def ended(status: Status) -> bool:
    return status.state.terminal


async def outcomes(house: Hall, request_id: int) -> list[str | None]:
    """How each attempt ended, in order."""
    query = select(attempt.c.outcome).where(attempt.c.request_id == request_id).order_by(attempt.c.epoch)
    return list(await house.database.read(lambda db: db.execute(query).scalars().all()))


async def test_a_paused_films_frames_equal_the_uninterrupted_ones(tmp_path: Path):
    # A short lease: the engine hears of the pause within half a second, and a section takes longer.
    async with hall(tmp_path, lease_s=2) as house:
        paused = await house.ask("paused", steps=100)
        engine = await house.start("engine-1")
        await house.until(paused.request_id, in_a_step_of_the_second_section, "engine-1")
        await house.store.pause()
        paused = await house.until(paused.request_id, given_back, "engine-1")
        assert (paused.paused, paused.position, paused.sections_done) == (True, 1, 1)
        # Not the section alone: the steps of the one under way as well.
        assert (tmp_path / "work" / str(paused.request_id) / "step.safetensors").is_file()

        whole = await house.ask("asked within the pause", steps=100)
        assert (whole.state, whole.paused, whole.position) == (JobState.QUEUED, True, 2)
        assert engine.returncode is None
        await house.store.resume()
        paused = await house.until(paused.request_id, ended, "engine-1")
        whole = await house.until(whole.request_id, ended, "engine-1")
        assert await house.stop(engine) == 0
        assert (paused.state, whole.state) == (JobState.DONE, JobState.DONE)
        assert await outcomes(house, paused.request_id) == [Outcome.RELEASED, Outcome.DONE]
        assert await outcomes(house, whole.request_id) == [Outcome.DONE]
        assert len(house.frames(paused)) == frame_count(SECTIONS)
        np.testing.assert_array_equal(house.frames(paused), house.frames(whole))


async def test_a_pause_outlives_the_engine_and_spends_no_try(tmp_path: Path):
    # A short lease: the engine hears of the pause within half a second, and a section takes longer.
    async with hall(tmp_path, lease_s=2) as house:
        film = await house.ask("paused", steps=100)
        engine = await house.start("engine-1")
        for turn in range(2):  # as often as there are tries
            if turn:
                await house.store.resume()
            await house.until(film.request_id, lambda status: status.progress is not None, "engine-1")
            await house.store.pause()
            await house.until(film.request_id, given_back, "engine-1")
        assert await house.stop(engine) == 0
        engine = await house.start("engine-2")
        # An engine looks for a film before it hears that it should stop.
        assert await house.stop(engine) == 0
        assert await outcomes(house, film.request_id) == [Outcome.RELEASED] * 2
        await house.store.resume()
        engine = await house.start("engine-3")
        film = await house.until(film.request_id, ended, "engine-3")
        assert await house.stop(engine) == 0
        assert film.state is JobState.DONE
        assert await outcomes(house, film.request_id) == [*[Outcome.RELEASED] * 2, Outcome.DONE]
