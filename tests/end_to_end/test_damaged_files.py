"""A file that rotted while its request waited: found before it is used, by a real engine."""

from pathlib import Path

from enginekit.processes import hall

from storage.jobs import JobState


async def test_a_picture_with_a_flipped_bit_is_not_drawn_and_costs_nothing(tmp_path: Path):
    async with hall(tmp_path) as house:
        film = await house.ask("rotten")
        path = house.media.path(film.params.picture)
        whole = path.read_bytes()
        rotten = bytearray(whole)
        # In the last chunk, which decoders hardly look at.
        rotten[-1] ^= 1
        path.write_bytes(rotten)
        engine = await house.start("engine-1")
        film = await house.until(film.request_id, lambda status: status.state is JobState.FAILED, "engine-1")
        assert film.failure is not None
        assert (film.failure.code, film.charged_ms) == ("picture_lost", 0)
        assert await house.stop(engine) == 0
        path.write_bytes(whole)
