"""The shipped program, really killed at every step from getUpdates to the film: then one film, one orphan at most."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from chatkit.telegram import Chat, Message, Standing, faults, samples
from telegramkit.program import PATIENCE_S, Program, program
from telegramkit.site import is_film, member

from storage.jobs import JobState

FILMS_MAX = 8


class Scene:
    """The program, a group and a member."""

    def __init__(self, bot: Program) -> None:
        self.bot = bot
        self.kit = bot.kit
        self.mia = self.kit.person("Mia")
        self.cave: Chat = self.kit.supergroup("Cave", self.mia, bot=Standing.ADMIN)
        self.asked = 0

    def ask(self) -> Message:
        self.asked += 1
        return self.mia.sends_photo(self.cave, samples.picture(), f"/animate fox number {self.asked} 1.2s")

    @property
    def films(self) -> list[Message]:
        return [message for message in self.cave.from_bot if is_film(message)]

    @property
    def orphans(self) -> list[Message]:
        return [message for message in self.cave.from_bot if not is_film(message)]

    async def until_killed(self) -> None:
        """Ask for one film after another until the bot's failpoint has ended it."""
        dying = asyncio.create_task(self.bot.ended())
        while not dying.done() and self.asked < FILMS_MAX:
            self.ask()
            seen = self.kit.until(lambda: len(self.films) >= self.asked, timeout_s=PATIENCE_S)
            shown = asyncio.create_task(seen)
            await asyncio.wait((dying, shown), return_when=asyncio.FIRST_COMPLETED)
            shown.cancel()
        assert await dying == -9

    @property
    def notes(self) -> list[str]:
        """What the bot has written down of updates that it is dealing with."""
        found: list[str] = []
        for path in (self.bot.data / "telegram-updates").glob("*.json"):
            with suppress(FileNotFoundError):
                found.append(path.read_text("utf-8"))
        return found

    async def hangs(self, time: int) -> None:
        """Until the bot has begun the update for the so-manyth time, and stands still."""
        async with asyncio.timeout(PATIENCE_S):
            while self.notes != [f'{{"times": {time}}}']:  # noqa: ASYNC110 (a bot that hangs tells nobody)
                await asyncio.sleep(0.05)

    async def at_rest(self) -> None:
        """Everything has come to its end: each wish has one film and was charged once."""
        await self.kit.until(lambda: len(self.films) >= self.asked, timeout_s=PATIENCE_S)
        async with self.bot.store() as store:
            async with asyncio.timeout(PATIENCE_S):
                while await store.outbox_due() or await store.live_messages():
                    await store.changed(timeout_s=0.5)
            requests = await store.history(member(self.mia))
        assert [(status.state, status.charged_ms) for status in requests] == [(JobState.DONE, 1200)] * self.asked
        assert len({film.reply_to for film in self.films}) == len(self.films) == self.asked


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with program(tmp_path / "host") as bot:
        yield Scene(bot)


async def test_the_whole_flow_in_its_own_process(scene: Scene) -> None:
    await scene.bot.start()
    await scene.bot.online()
    scene.ask()
    await scene.at_rest()
    scene.mia.clicks(scene.films[0], "Another seed")
    await scene.kit.until(lambda: len(scene.films) == 2, timeout_s=PATIENCE_S)
    await scene.kit.until(lambda: not scene.orphans, timeout_s=PATIENCE_S)
    assert await scene.bot.stop() == 0
    assert not scene.kit.feed.pending


async def test_discord_that_cannot_be_reached_takes_nothing_from_telegram(tmp_path: Path) -> None:
    nowhere = '[discord]\nproxy = "http://127.0.0.1:9"'
    async with program(tmp_path / "host", discord_token="MTA.dead.token", more=nowhere) as bot:
        scene = Scene(bot)
        await bot.start()
        await bot.says("platform cannot be reached")
        scene.ask()
        await scene.at_rest()
        assert bot.discord_token not in bot.log()
        assert await bot.stop() == 0


async def test_telegram_that_is_away_when_the_bot_starts_is_waited_for(scene: Scene) -> None:
    scene.kit.faults.add(faults.bad_gateway("getMe"))
    scene.ask()
    await scene.bot.start()
    await scene.bot.says("platform cannot be reached")
    await scene.at_rest()


async def test_buttons_of_an_earlier_start_work(scene: Scene) -> None:
    scene.ask()
    await scene.bot.start()
    await scene.at_rest()
    assert await scene.bot.stop() == 0
    await scene.bot.start()
    click = scene.mia.clicks(scene.films[0], "Hide")
    answer = await scene.kit.until(lambda: click.answer, timeout_s=PATIENCE_S)
    assert answer["text"] == "🙈 Film 1 is now hidden behind a spoiler."
    film = scene.films[0]
    await scene.kit.until(lambda: film.media is not None and film.media.spoiler, timeout_s=PATIENCE_S)


POINTS = (
    "update.taken=kill@1",
    "update.dealt=kill@1",
    "desk.kept=kill@1",
    *(f"relay.{moment}=kill@{number}" for moment in ("send.before", "sent", "recorded") for number in (1, 2)),
    "relay.line=kill@1",
    "relay.begun=kill@1",
    *(f"relay.shown=kill@{number}" for number in (1, 2, 3)),
    *(f"store.commit.{moment}=kill@{number}" for moment in ("before", "after") for number in range(1, 11)),
)


@pytest.mark.crash
@pytest.mark.parametrize("failpoint", POINTS)
async def test_killed_at_a_failpoint(scene: Scene, failpoint: str) -> None:
    await scene.bot.start(failpoints=failpoint)
    await scene.until_killed()
    await scene.bot.start()
    await scene.at_rest()
    assert len(scene.orphans) <= 1


@pytest.mark.crash
async def test_a_bot_that_is_killed_ten_times_before_it_can_acknowledge_makes_one_film(scene: Scene) -> None:
    scene.ask()
    for _ in range(10):
        await scene.bot.start(failpoints="update.dealt=kill@1")
        assert await scene.bot.ended() == -9
    await scene.bot.start()
    await scene.at_rest()
    assert len(scene.orphans) <= 1


async def test_an_update_on_which_the_bot_is_killed_once_is_a_film(scene: Scene) -> None:
    scene.ask()
    await scene.bot.start(failpoints="update.taken=kill@1")
    assert await scene.bot.ended() == -9
    await scene.bot.start()
    await scene.at_rest()


@pytest.mark.parametrize("end", ["kill", pytest.param("hang", marks=pytest.mark.crash)])
async def test_an_update_on_which_the_bot_ends_twice_is_refused_and_never_begun_again(scene: Scene, end: str) -> None:
    scene.ask()
    for time in (1, 2):
        await scene.bot.start(failpoints=f"update.taken={end}@1")
        if end == "hang":
            await scene.hangs(time)
            await scene.bot.kill()
        else:
            assert await scene.bot.ended() == -9
    # A third such end would follow, were it begun once more.
    await scene.bot.start()
    ben = scene.kit.person("Ben")
    answer = await scene.kit.until(
        lambda: next((it for it in scene.cave.from_bot if "will not try again" in it.text), None),
        timeout_s=PATIENCE_S,
    )
    assert answer.reply_to is not None
    ben.sends_photo(ben.private, samples.picture(), "/animate a fox 1.2s")
    await scene.kit.until(lambda: any(is_film(it) for it in ben.private.from_bot), timeout_s=PATIENCE_S)
    await scene.kit.settled(timeout_s=PATIENCE_S)
    assert scene.notes == []
    async with scene.bot.store() as store:
        assert await store.history(member(scene.mia)) == []
    assert await scene.bot.stop() == 0


@pytest.mark.crash
# The stand-in's server drops a form whose sender was killed while it came in.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
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
    await scene.at_rest()
    assert len(scene.orphans) <= 1


async def test_updates_that_come_again_after_a_restart_change_nothing(scene: Scene) -> None:
    scene.ask()
    await scene.bot.start()
    await scene.at_rest()
    scene.mia.clicks(scene.films[0], "Hide")
    await scene.kit.until(lambda: not scene.kit.unanswered(), timeout_s=PATIENCE_S)
    assert await scene.bot.stop() == 0
    scene.kit.feed.redeliver()
    await scene.bot.start()
    await scene.bot.online()
    await scene.kit.settled(timeout_s=PATIENCE_S)
    await scene.at_rest()


async def test_a_refused_token_is_named_and_never_logged(tmp_path: Path) -> None:
    async with program(tmp_path / "host", token="110201543:AAHwrong-wrong-wrong-wrong-wrong-wrong") as bot:
        await bot.start()
        await bot.says("telegram.token_file")
        assert bot.token not in bot.log()
        assert await bot.stop() == 0
