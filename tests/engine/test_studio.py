"""What the studio refuses before it draws."""

import asyncio
from pathlib import Path

import pytest
from storagekit.films import params

from engine.link import Link
from engine.studio import Studio
from storage.errors import FilmFailed
from storage.jobs import Claim, Job, Section
from storage.media import Media
from storage.settings import DataSettings, EngineSettings, Settings


async def test_a_film_of_a_model_that_the_host_has_left_fails_alone(tmp_path: Path):
    settings = Settings(data=DataSettings(folder=tmp_path), engine=EngineSettings(model="framepack", weights=tmp_path))
    job = Job(claim=Claim(request_id=1, epoch=1), params=params(), sections=())
    link = Link(asyncio.get_running_loop())

    def keep_section(_section: Section) -> None:
        raise AssertionError("nothing is drawn")

    with pytest.raises(FilmFailed, match=r"“tiny”.*“framepack”") as caught:
        Studio(settings, Media(tmp_path)).draw(job, link, keep_section)
    assert caught.value.code == "other_model"
