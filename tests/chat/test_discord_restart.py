"""The shipped program, really killed at every step of a request: after its next start there is exactly one film."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botkit.house import png
from chatkit.discord import Channel, File, Hold, Interaction, Message, Person, Stalls
from discordkit.program import Program, program

from bot.discord.answers import ref
from storage.jobs import JobState, Member

CALLBACK = ("POST", "/interactions/{interaction_id}/{interaction_token}/callback")
ORIGINAL = ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original")
POST = ("POST", "/channels/{channel_id}/messages")
DELETE = ("DELETE", "/channels/{channel_id}/messages/{message_id}")

PATIENCE_S = 60.0
NOT_REACHED_S = 20.0
"""A whole film takes a fraction of it."""


class Scene:
    """The program, a room and a member."""

    def __init__(self, bot: Program) -> None:
        self.bot = bot
        self.kit = bot.kit
        self.guild = self.kit.guild("Foxes")
        self.room: Channel = self.kit.text(self.guild, "animations")
        self.mia: Person = self.kit.person("mia", self.guild)
        self._notes: set[int] = set()

    def ask(self) -> Interaction:
        picture = File("fox.png", png())
        return self.mia.slash(self.room, "animate", image=picture, prompt="the fox turns its head", seconds=1.2)

    def member(self) -> Member:
        return Member(platform="discord", user_id=str(self.mia.id), name="Mia")

    def mia_forgets(self, message: Message) -> None:
        """The note that a request was lost is no status: it stays a while."""
        self._notes.add(message.id)

    def films(self) -> list[Message]:
        return [message for message in self.mia.reads(self.room) if message.attachments]

    def others(self) -> list[Message]:
        """What else everybody sees."""
        shown = (message for message in self.mia.reads(self.room) if message.only_for is None)
        return [message for message in shown if not message.attachments and message.id not in self._notes]

    async def one_film(self) -> None:
        """Everything has come to its end: one film, no status, the request done and charged once."""
        await self.kit.until(lambda: self.films() and not self.others(), within_s=PATIENCE_S)
        assert len(self.films()) == 1
        async with self.bot.store() as store:
            status = await store.status(1)
        assert (status.state, status.charged_ms) == (JobState.DONE, 1200)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with program(tmp_path / "host") as bot:
        yield Scene(bot)


async def test_the_whole_flow_in_its_own_process(scene: Scene) -> None:
    await scene.bot.start()
    await scene.bot.online()
    scene.ask()
    await scene.one_film()
    film = scene.films()[0]
    await scene.kit.until(lambda: "🔁" in film.reactions)
    scene.mia.react(film, "🔁")
    await scene.kit.until(lambda: len(scene.films()) == 2 and not scene.others(), within_s=PATIENCE_S)
    assert await scene.bot.stop() == 0


POINTS = (
    "desk.kept=kill@1",
    "relay.send.before=kill@1",
    "relay.sent=kill@1",
    "relay.recorded=kill@1",
    *(f"relay.shown=kill@{number}" for number in (1, 2)),
    *(f"store.commit.after=kill@{number}" for number in range(1, 8)),
)


@pytest.mark.crash
@pytest.mark.parametrize("failpoint", POINTS)
async def test_killed_at_a_failpoint(scene: Scene, failpoint: str) -> None:
    await scene.bot.start(failpoints=failpoint)
    await scene.kit.until(lambda: scene.bot.dead or scene.bot.is_online, within_s=PATIENCE_S)
    asked = [] if scene.bot.dead else [scene.ask()]
    if not await scene.bot.dies(within_s=NOT_REACHED_S):
        pytest.skip("not reached: two transitions were shown together")
    assert await scene.bot.ended() == -9
    await scene.bot.start()
    await scene.bot.online()
    async with scene.bot.store() as store:
        committed = len(await store.history(scene.member(), limit=5))
    if not committed:
        # Killed before the commit: the placeholder, if there is one, says so, and the wish is made again.
        if asked and (message := asked[0].response) is not None:
            await scene.kit.until(lambda: "restarted before" in message.content, within_s=PATIENCE_S)
            scene.mia_forgets(message)
        scene.ask()
    await scene.one_film()


@pytest.mark.parametrize(
    ("route", "after_work"),
    [(ORIGINAL, False), (ORIGINAL, True), (POST, False), (POST, True), (DELETE, False), (DELETE, True)],
    ids=lambda value: value[0] if isinstance(value, tuple) else ("answered" if value else "asked"),
)
async def test_killed_while_discord_is_asked(scene: Scene, route: tuple[str, str], after_work: bool) -> None:
    await scene.bot.start()
    await scene.bot.online()
    hold = Hold(after_work=after_work)
    scene.kit.faults.add(hold, *route)
    scene.ask()
    await hold.reached.wait()
    await scene.bot.kill()
    hold.release()
    await scene.bot.start()
    await scene.one_film()


@pytest.mark.parametrize("moment", ["acknowledged", "fetching"])
async def test_killed_between_acknowledgement_and_commit(scene: Scene, moment: str) -> None:
    await scene.bot.start()
    await scene.bot.online()
    if moment == "acknowledged":
        hold = Hold(after_work=True)
        scene.kit.faults.add(hold, *CALLBACK)
        asked = scene.ask()
        await hold.reached.wait()
    else:
        stalls = Stalls()
        file = scene.mia.upload(File("fox.png", png()))
        scene.kit.cdn.misbehave(file, stalls)
        asked = scene.mia.slash(scene.room, "animate", image=file, prompt="the fox", seconds=1.2)
        await stalls.reached.wait()
    await scene.bot.kill()
    if moment == "acknowledged":
        hold.release()
    else:
        stalls.released.set()
    await scene.bot.start()
    message = await scene.kit.until(lambda: asked.response, within_s=PATIENCE_S)
    await scene.kit.until(lambda: "restarted before" in message.content, within_s=PATIENCE_S)
    async with scene.bot.store() as store:
        assert await store.queue(limit=5) == []
    # And the next wish is served.
    scene.ask()
    await scene.kit.until(scene.films, within_s=PATIENCE_S)


async def test_a_form_that_was_open_when_the_bot_was_killed(scene: Scene) -> None:
    await scene.bot.start()
    await scene.bot.online()
    said = scene.mia.say(scene.room, "", File("fox.png", png()))
    opened = await scene.kit.acknowledged(scene.mia.menu(said, "Animate this picture"))
    await scene.bot.kill()
    await scene.bot.start()
    await scene.kit.until(lambda: scene.kit.gateway.connected, within_s=PATIENCE_S)
    answer = await scene.kit.answer(scene.mia.submit(opened, prompt="it blinks"))
    assert "restarted" in answer.content


async def test_buttons_and_reactions_of_an_earlier_life(scene: Scene) -> None:
    await scene.bot.start()
    await scene.bot.online()
    scene.ask()
    await scene.one_film()
    film = scene.films()[0]
    assert await scene.bot.stop() == 0
    await scene.bot.start()
    await scene.kit.until(lambda: scene.kit.gateway.connected, within_s=PATIENCE_S)
    scene.mia.click(film, "🔁")
    await scene.kit.until(lambda: len(scene.films()) == 2 and not scene.others(), within_s=PATIENCE_S)
    scene.mia.react(film, "🗑️")
    await scene.kit.until(lambda: film.deleted)


async def test_after_a_long_outage_the_room_is_asked_whether_the_film_is_there(scene: Scene) -> None:
    await scene.bot.start()
    await scene.bot.online()
    hold = Hold(after_work=True)
    scene.kit.faults.add(hold, *POST)
    scene.ask()
    await hold.reached.wait()
    await scene.bot.kill()
    hold.release()
    # Hours pass: Discord has forgotten the nonce.
    scene.kit.world.nonces.clear()
    await scene.bot.age(hours=3)
    await scene.bot.start()
    await scene.one_film()
    assert len(scene.kit.calls(*POST)) == 1


async def test_sigterm_finishes_a_film_that_is_on_its_way(scene: Scene) -> None:
    await scene.bot.start()
    await scene.bot.online()
    hold = Hold()
    scene.kit.faults.add(hold, *POST)
    scene.ask()
    await hold.reached.wait()
    stopping = asyncio.create_task(scene.bot.stop())
    # It is heard in the last moment that nothing new is taken.
    late = scene.ask()
    await scene.kit.acknowledged(late)
    hold.release()
    assert await stopping == 0
    # Before any next start.
    assert len(scene.films()) == 1
    async with scene.bot.store() as store:
        assert await store.request_of(ref(scene.room.id, scene.films()[0].id)) == 1


async def test_a_refusal_that_stands_at_a_stop_goes_with_the_next_start(scene: Scene) -> None:
    await scene.bot.start()
    await scene.bot.online()
    asked = scene.mia.slash(scene.room, "animate", image=File("fox.png", b"no picture"), prompt="the fox", seconds=1.2)
    message = await scene.kit.until(lambda: asked.response, within_s=PATIENCE_S)
    await scene.kit.until(lambda: message.content and list((scene.bot.data / "discord-placeholders").glob("*")))
    assert await scene.bot.stop() == 0
    assert not message.deleted
    await scene.bot.start()
    await scene.kit.until(lambda: message.deleted, within_s=PATIENCE_S)


async def test_sigterm_flushes_what_is_owed_and_closes(scene: Scene) -> None:
    await scene.bot.start()
    await scene.bot.online()
    asked = scene.ask()
    await scene.kit.until(lambda: asked.response and "🎬" in asked.response.content, within_s=PATIENCE_S)
    assert await scene.bot.stop() == 0
    async with scene.bot.store() as store:
        assert len(await store.history(scene.member(), limit=5)) == 1
    await scene.bot.start()
    await scene.one_film()
