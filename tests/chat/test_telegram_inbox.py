"""The inbox by itself: what is held against an update, and what is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from chatkit.telegram import PATIENCE_S
from telegram import CallbackQuery, Update, User

from bot.telegram.begun import FOLDER, Begun
from bot.telegram.inbox import Inbox


class Answers:
    """Writes down what it is asked; each answer takes until `release`."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.given_up: list[tuple[int, bool]] = []
        self.at_once = 0
        self.at_once_max = 0
        self.release = asyncio.Event()
        self.changed = asyncio.Event()

    async def handle(self, update: Update) -> None:
        self.begun.append(update.update_id)
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        self.changed.set()
        try:
            await self.release.wait()
        finally:
            self.at_once -= 1

    async def give_up(self, update: Update, *, late: bool) -> None:
        self.given_up.append((update.update_id, late))

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.begun) < count:
                self.changed.clear()
                await self.changed.wait()


def update(number: int) -> Update:
    """Of somebody who has sent nothing before."""
    user = User(id=1000 + number, first_name="Mia", is_bot=False)
    return Update(number, callback_query=CallbackQuery(str(number), user, "1"))


def left_by_a_kill(folder: Path, **times: int) -> None:
    (folder / FOLDER).mkdir()
    for number, count in times.items():
        (folder / FOLDER / f"{number.lstrip('n')}.json").write_text(json.dumps({"times": count}), "utf-8")


def notes(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / FOLDER).glob("*"))


@asynccontextmanager
async def inbox(folder: Path, answers: Answers, *, deal_s_max: float = PATIENCE_S) -> AsyncGenerator[Inbox]:
    begun = Begun(folder)
    await begun.recall()
    found = Inbox(answers, begun, deal_s_max=deal_s_max)
    yield found
    await found.close(0.0)


async def test_an_update_is_noted_while_it_is_dealt_with_and_no_longer(tmp_path: Path) -> None:
    answers = Answers()
    async with inbox(tmp_path, answers) as it:
        task = it.take(update(7))
        assert task is not None
        await answers.until_begun(1)
        assert notes(tmp_path) == ["7.json"]
        answers.release.set()
        await task
        assert notes(tmp_path) == []
        assert it.offset == 8


async def test_suspects_go_one_at_a_time_and_the_others_beside_them(tmp_path: Path) -> None:
    answers = Answers()
    left_by_a_kill(tmp_path, n1=1, n2=1, n3=1)
    async with inbox(tmp_path, answers) as it:
        tasks = [task for number in (1, 2, 3, 4) if (task := it.take(update(number))) is not None]
        await answers.until_begun(2)
        assert answers.begun == [1, 4] or answers.begun == [4, 1]
        answers.release.set()
        await asyncio.gather(*tasks)
        assert sorted(answers.begun) == [1, 2, 3, 4]
        assert answers.at_once_max == 2
    assert answers.given_up == []


async def test_what_was_begun_twice_is_refused_and_what_was_refused_in_vain_is_passed_over(tmp_path: Path) -> None:
    answers = Answers()
    answers.release.set()
    left_by_a_kill(tmp_path, n1=2, n2=3)
    async with inbox(tmp_path, answers) as it:
        tasks = [task for number in (1, 2) if (task := it.take(update(number))) is not None]
        await asyncio.gather(*tasks)
        assert it.offset == 3
    assert answers.begun == []
    assert answers.given_up == [(1, False)]
    assert notes(tmp_path) == []


async def test_an_update_that_never_ends_is_given_up_so_that_later_ones_are_heard(tmp_path: Path) -> None:
    answers = Answers()
    async with inbox(tmp_path, answers, deal_s_max=0.05) as it:
        task = it.take(update(7))
        assert task is not None
        await asyncio.wait_for(task, PATIENCE_S)
        assert answers.given_up == [(7, True)]
        assert it.offset == 8


async def test_an_orderly_stop_is_held_against_no_update(tmp_path: Path) -> None:
    answers = Answers()
    for _ in range(3):
        async with inbox(tmp_path, answers) as it:
            it.take(update(7))
            await answers.until_begun(1)
        assert it.offset == 7, "it comes again"
        assert notes(tmp_path) == []
    assert answers.given_up == []


async def test_a_disk_that_takes_no_notes_stops_no_update(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answers = Answers()
    answers.release.set()
    (tmp_path / FOLDER).write_text("a file where the folder should be", "utf-8")
    async with inbox(tmp_path, answers) as it:
        for number in (1, 2):
            task = it.take(update(number))
            assert task is not None
            await task
    assert answers.begun == [1, 2]
    assert caplog.text.count("cannot be noted on the disk") == 1


async def test_old_and_broken_notes_are_torn_up(tmp_path: Path) -> None:
    left_by_a_kill(tmp_path, n1=2)
    for name in ("2.json", "not-a-number.json"):
        (tmp_path / FOLDER / name).write_text("{", "utf-8")
    begun = Begun(tmp_path)
    await begun.recall()
    assert [begun.before(number) for number in (1, 2)] == [2, 0]
    assert notes(tmp_path) == ["1.json"]
    begun.close()
