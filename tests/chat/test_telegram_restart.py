"""The shipped program, really killed at every step from getUpdates to the film: then one film, one orphan at most."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chatkit.telegram import Chat, Message, Standing, faults, samples
from telegramkit.program import PATIENCE_S, Program, program
from telegramkit.site import is_film, member

from storage.jobs import JobState


class Scene:
    """The program, a group and a member."""

    def __init__(self, bot: Program) -> None:
        self.bot = bot
        self.kit = bot.kit
        self.mia = self.kit.person("Mia")
        self.cave: Chat = self.kit.supergroup("Cave", self.mia, bot=Standing.ADMIN)

    def ask(self) -> Message:
        return self.mia.sends_photo(self.cave, samples.picture(), "/animate the fox turns its head 1.2s")

    @property
    def films(self) -> list[Message]:
        return [message for message in self.cave.from_bot if is_film(message)]

    @property
    def orphans(self) -> list[Message]:
        return [message for message in self.cave.from_bot if not is_film(message)]

    async def one_film(self) -> None:
        """Everything has come to its end: the film stands, the request is done and charged once."""
        await self.kit.until(lambda: self.films, timeout_s=PATIENCE_S)
        async with self.bot.store() as store:
            async with asyncio.timeout(PATIENCE_S):
                while await store.outbox_due() or await store.live_messages():
                    await store.changed(timeout_s=0.5)
            status = await store.status(1)
            assert len(await store.history(member(self.mia))) == 1
        assert (status.state, status.charged_ms) == (JobState.DONE, 1200)
        assert len(self.films) == 1


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with program(tmp_path / "host") as bot:
        yield Scene(bot)


async def test_the_whole_flow_in_its_own_process(scene: Scene) -> None:
    await scene.bot.start()
    await scene.bot.online()
    scene.ask()
    await scene.one_film()
    scene.mia.clicks(scene.films[0], "Another seed")
    await scene.kit.until(lambda: len(scene.films) == 2, timeout_s=PATIENCE_S)
    await scene.kit.until(lambda: not scene.orphans, timeout_s=PATIENCE_S)
    assert await scene.bot.stop() == 0
    assert not scene.kit.feed.pending


POINTS = (
    "update.taken=kill@1",
    "update.dealt=kill@1",
    "desk.kept=kill@1",
    *(f"relay.{moment}=kill@{number}" for moment in ("send.before", "sent", "recorded") for number in (1, 2)),
    "relay.begun=kill@1",
    *(f"relay.shown=kill@{number}" for number in (1, 2, 3)),
    *(f"store.commit.{moment}=kill@{number}" for moment in ("before", "after") for number in range(1, 11)),
)


@pytest.mark.crash
@pytest.mark.parametrize("failpoint", POINTS)
async def test_killed_at_a_failpoint(scene: Scene, failpoint: str) -> None:
    scene.ask()
    await scene.bot.start(failpoints=failpoint)
    assert await scene.bot.ended() == -9
    await scene.bot.start()
    await scene.one_film()
    assert len(scene.orphans) <= 1


@pytest.mark.crash
@pytest.mark.parametrize("method", ["getFile", "sendPhoto", "sendMessage", "editMessageMedia", "deleteMessage"])
async def test_killed_while_an_answer_of_telegram_is_on_its_way(scene: Scene, method: str) -> None:
    """The call is done; the bot never hears of it."""
    scene.kit.faults.add(faults.silence(method))
    scene.ask()
    await scene.bot.start()
    await scene.kit.until(lambda: scene.kit.called(method), timeout_s=PATIENCE_S)
    await scene.bot.kill()
    scene.kit.faults.clear()
    await scene.bot.start()
    await scene.one_film()
    assert len(scene.orphans) <= 1


async def test_updates_that_come_again_after_a_restart_change_nothing(scene: Scene) -> None:
    scene.ask()
    await scene.bot.start()
    await scene.one_film()
    scene.mia.clicks(scene.films[0], "Hide")
    await scene.kit.until(lambda: not scene.kit.unanswered(), timeout_s=PATIENCE_S)
    assert await scene.bot.stop() == 0
    scene.kit.feed.redeliver()
    await scene.bot.start()
    await scene.bot.online()
    await scene.kit.settled(timeout_s=PATIENCE_S)
    await scene.one_film()


async def test_a_refused_token_is_named_and_never_logged(tmp_path: Path) -> None:
    async with program(tmp_path / "host", token="110201543:AAHwrong-wrong-wrong-wrong-wrong-wrong") as bot:
        await bot.start()
        await bot.says("telegram.token_file")
        assert bot.token not in bot.log()
        assert await bot.stop() == 0
