"""Everything real but Telegram itself: the shipped program, its engine process, its smallest model."""

from __future__ import annotations

from pathlib import Path

import av
from chatkit.telegram import Standing, samples
from telegramkit.program import program
from telegramkit.site import is_film

ENGINE = 'model = "tiny"\ndevice = "cpu"\nsize = 64\nsteps = 1'


async def test_a_picture_becomes_a_film_that_the_engine_drew(tmp_path: Path) -> None:
    async with program(tmp_path / "host", real_engine=True, engine=ENGINE) as bot:
        mia = bot.kit.person("Mia")
        cave = bot.kit.supergroup("Cave", mia, bot=Standing.ADMIN)
        await bot.start()
        await bot.online()
        mia.sends_photo(cave, samples.picture(640, 480), "/animate the fox turns its head 1.2s seed 7")
        film = await bot.kit.until(lambda: next(filter(is_film, cave.from_bot), None), timeout_s=240)
        await bot.kit.until(lambda: cave.from_bot == [film], timeout_s=60)
        assert "seed 7" in film.text
        upload = next(iter(bot.kit.called("editMessageMedia")[-1].call.uploads.values()))
        path = tmp_path / "seen.mp4"
        path.write_bytes(upload.data)
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 37
        assert await bot.stop() == 0
