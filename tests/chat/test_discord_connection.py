"""The connection: bad tokens, refused intents, lost gateways, shards; other platforms go on meanwhile."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chatkit.discord import Discord
from discordkit.site import PROMPT, Site, bot, fox, ready, settings_for, site
from pydantic import SecretStr

from bot.discord.adapter import DiscordAdapter, Reconnects
from storage.errors import OwnerError


@pytest.fixture
async def kit() -> AsyncIterator[Discord]:
    async with Discord() as found:
        yield found


@pytest.fixture
async def here(tmp_path: Path, kit: Discord) -> AsyncIterator[Site]:
    async with site(tmp_path / "data", kit) as found:
        yield found


async def test_a_refused_token_names_the_settings(tmp_path: Path, kit: Discord) -> None:
    kit.token = "MTA.wrong.token"
    async with bot(tmp_path / "data", kit) as (_, _, _, running):
        with pytest.raises(OwnerError, match=r"FLIPBOOK_DISCORD_TOKEN.*discord\.token_file") as error:
            await running
    assert "MTA" not in str(error.value)
    kit.world.problems.take()


@pytest.mark.parametrize(("code", "words"), [(4004, "FLIPBOOK_DISCORD_TOKEN"), (4014, "Privileged Gateway Intents")])
async def test_what_the_gateway_refuses_is_the_owners_to_mend(
    tmp_path: Path, kit: Discord, code: int, words: str
) -> None:
    async with bot(tmp_path / "data", kit) as (_, _, adapter, running):
        await ready(adapter)
        await kit.gateway.close(code)
        with pytest.raises(OwnerError, match=words):
            await running


@pytest.mark.parametrize("how", ["reconnect", "abort", "invalidate", "resumable"])
async def test_a_lost_gateway_comes_back_and_nothing_is_missed(here: Site, how: str) -> None:
    status = await here.asked()
    before = here.kit.gateway.handshakes
    match how:
        case "reconnect":
            here.kit.gateway.reconnect()
        case "abort":
            here.kit.gateway.abort()
        case "resumable":
            here.kit.gateway.invalidate(resumable=True)
        case _:
            here.kit.gateway.invalidate()
    # REST needs no gateway: the film comes all the same.
    await here.drawn()
    assert status.deleted
    await here.kit.until(lambda: here.kit.gateway.handshakes > before and here.kit.gateway.connected, within_s=30)
    await here.asked(prompt="after the storm")


async def test_a_resumed_session_brings_what_was_pressed_meanwhile_once(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.kit.gateway.abort()
    here.ben.react(film, "🔁")
    await here.kit.posted(here.room, lambda message: "🎬" in message.content, after=film.id)
    here.kit.gateway.reconnect()
    await here.kit.until(lambda: any(session.resumes == 2 for session in here.kit.gateway.sessions.values()))
    assert len(await here.work.store.queue(limit=10)) == 1


async def test_a_first_handshake_that_fails_is_tried_again(tmp_path: Path, kit: Discord) -> None:
    kit.gateway.refuse_next(503)
    async with bot(tmp_path / "data", kit) as (_, _, _, running):
        await kit.until(lambda: kit.gateway.connected, within_s=30)
        assert not running.done()


async def test_several_shards_where_discord_recommends_them(tmp_path: Path, kit: Discord) -> None:
    kit.world.shards = 2
    async with site(tmp_path / "data", kit) as here:
        assert len(kit.gateway.sessions) == 2
        rooms = [here.room]
        for name in ("Badgers", "Owls", "Stoats"):
            guild = kit.guild(name)
            here.mia.join(guild)
            rooms.append(kit.text(guild, "den"))
        for room in rooms:
            await here.asked(where=room, seconds=0.5)
            await here.drawn(where=room)
        assert len({kit.world.shard_of(room.guild, 2) for room in rooms}) == 2


async def test_commands_are_told_to_discord_only_when_they_changed(tmp_path: Path, kit: Discord) -> None:
    told = ("PUT", "/applications/{application_id}/commands")
    for _ in range(2):
        async with bot(tmp_path / "data", kit) as (_, _, adapter, _):
            await ready(adapter)
            await kit.until(lambda: kit.world.commands)
    assert len(kit.calls(*told)) == 1
    (tmp_path / "data" / "discord-commands.sha256").write_text("something older")
    async with bot(tmp_path / "data", kit):
        await kit.until(lambda: len(kit.calls(*told)) == 2)
    names = {command.name for command in kit.world.commands.values()}
    assert names == {"animate", "Animate this picture", "queue", "quota", "history", "privacy", "link", "help"}


async def test_commands_are_not_told_where_the_owner_does_not_want_it(tmp_path: Path, kit: Discord) -> None:
    settings = settings_for(tmp_path / "data")
    quiet = settings.model_copy(update={"discord": settings.discord.model_copy(update={"sync_commands": False})})
    async with bot(tmp_path / "data", kit, settings=quiet) as (_, _, adapter, _):
        await ready(adapter)
    assert kit.world.commands == {}


async def test_no_token_and_no_prompt_is_ever_logged(
    tmp_path: Path, kit: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with site(tmp_path / "data", kit) as here:
        asked = here.ask()
        await here.shows(await kit.answer(asked), "🎬")
        film = await here.drawn()
        here.ben.click(film, "🔁")
        await here.kit.posted(here.room, lambda message: "🎬" in message.content, after=film.id)
    assert kit.token not in caplog.text
    assert asked.token not in caplog.text
    own = [record for record in caplog.records if record.name.startswith("bot") and record.levelno >= logging.INFO]
    assert own
    assert not [record for record in own if PROMPT in str(vars(record))]


async def test_a_stop_finishes_what_is_acknowledged(tmp_path: Path, kit: Discord) -> None:
    async with site(tmp_path / "data", kit) as here:
        file = here.mia.upload(fox())
        from chatkit.discord import Stalls

        stalls = Stalls()
        kit.cdn.misbehave(file, stalls)
        asked = here.ask(image=file)
        await stalls.reached.wait()
        here.running.cancel()
        file.mischief = None
        stalls.released.set()
        await asyncio.wait((here.running,))
        message = await kit.until(lambda: asked.response)
        kept = await here.desk.request_of(here_ref(here, message.id))
    assert kept is not None or "try again" in message.content


def here_ref(here: Site, message_id: int) -> object:
    from bot.discord.answers import ref

    return ref(here.room.id, message_id)


async def test_a_dead_platform_beside_a_living_one(tmp_path: Path, kit: Discord) -> None:
    """Discord's token is refused; the adapter says so and ends, while another goes on on the same data."""
    async with site(tmp_path / "data", kit) as here:
        dead = DiscordAdapter(here.desk, settings_for(tmp_path / "data"), SecretStr("MTA.wrong.token"))
        with pytest.raises(OwnerError):
            await dead.run()
        kit.world.problems.take()
        await here.asked()
        await here.drawn()


def test_the_librarys_tries_to_connect_again_are_a_line_now_and_then() -> None:
    now = [0.0]
    lines = Reconnects(lambda: now[0])

    def told() -> logging.LogRecord | None:
        try:
            raise ConnectionResetError("by the other side")
        except ConnectionResetError:
            record = logging.LogRecord("discord.client", logging.ERROR, "", 1, "again in %.1fs", (2.0,), sys.exc_info())
        return record if lines.filter(record) else None

    first = told()
    assert first is not None
    assert (first.getMessage(), first.exc_info) == ("again in 2.0s (ConnectionResetError)", None)
    assert [told() for _ in range(30)] == [None] * 30
    now[0] = 300.0
    later = told()
    assert later is not None
    assert later.__dict__["tries"] == 31
    mistake = logging.LogRecord("discord.client", logging.ERROR, "", 1, "a mistake", (), (KeyError, KeyError(), None))
    assert lines.filter(mistake)
    assert mistake.exc_info
