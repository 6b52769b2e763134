"""Everything that goes wrong between a bot and Discord can be scripted, and discord.py meets it as in the world."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import discord
import pytest
from chatkit.discord import (
    Abort,
    Broken,
    Discord,
    Endless,
    File,
    Hold,
    NoFile,
    Other,
    RateLimit,
    Redirect,
    Refuse,
    Stalls,
    Trickle,
    WrongLength,
)
from chatkit.discord.sample import Bot, Raw, png, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MESSAGES = "/channels/{channel_id}/messages"


@pytest.fixture
async def kit() -> AsyncIterator[Discord]:
    async with Discord() as kit:
        yield kit
        assert kit.problems() == []


# -- REST --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_rate_limited_request_is_made_again(kit: Discord, everywhere: bool):
    room = kit.text(kit.guild("Foxes"), "animations")
    bot = Bot()
    async with running(kit, bot):
        fault = kit.faults.add(RateLimit(retry_after_s=0.01, everywhere=everywhere), "POST", MESSAGES, times=2)
        await bot.get_partial_messageable(room.id).send("film")
    assert (fault.hits, [call.status for call in kit.calls("POST", MESSAGES)]) == (2, [429, 429, 200])


async def test_a_rate_limit_of_the_edge_is_not_tried_again(kit: Discord):
    room = kit.text(kit.guild("Foxes"), "animations")
    bot = Bot()
    async with running(kit, bot):
        kit.faults.add(RateLimit(via=False), "POST", MESSAGES)
        with pytest.raises(discord.HTTPException) as limited:
            await bot.get_partial_messageable(room.id).send("film")
    assert (limited.value.status, room.messages) == (429, {})


@pytest.mark.parametrize("after_work", [False, True])
async def test_a_bad_gateway_before_or_after_the_work(kit: Discord, after_work: bool):
    room = kit.text(kit.guild("Foxes"), "animations")
    bot = Bot()
    async with running(kit, bot):
        kit.faults.add(Broken(502, after_work=after_work), "POST", MESSAGES)
        sent = await bot.get_partial_messageable(room.id).send("film")  # tried again after a second
    # discord.py sends a nonce with every message: the second try is answered with the first one's message.
    assert (list(room.messages), len(kit.calls("POST", MESSAGES))) == ([sent.id], 2)


async def test_a_follow_up_has_no_nonce_and_is_posted_twice(kit: Discord):
    room = kit.text(kit.guild("Foxes"), "animations")
    bot = Bot()
    async with running(kit, bot):
        asked = kit.operator.slash(room, "animate", image=File("fox.png", png()), prompt="x", seconds=31)
        await kit.answer(asked)
        kit.faults.add(Broken(502, after_work=True), "POST", "/webhooks/{webhook_id}/{webhook_token}")
        hook = discord.Webhook.partial(bot.user.id, asked.token, client=bot)
        await hook.send("more")
    assert [message.content for message in asked.followups] == ["more", "more"]


async def test_unavailable_and_cut_connections_are_errors(kit: Discord):
    room = kit.text(kit.guild("Foxes"), "animations")
    bot = Bot()
    async with running(kit, bot):
        place = bot.get_partial_messageable(room.id)
        kit.faults.add(Broken(503), "POST", MESSAGES)
        with pytest.raises(discord.DiscordServerError):
            await place.send("film")
        kit.faults.add(Abort(after_work=True), "POST", MESSAGES)
        with pytest.raises(aiohttp.ClientError):
            await place.send("film")
    assert len(room.messages) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (40005, 413),
        (50013, 403),
        (50001, 403),
        (50027, 401),
        (10062, 404),
        (10008, 404),
        (10003, 404),
        (40060, 400),
        (50083, 400),
        (50007, 403),
        (90001, 403),
        (200000, 400),
    ],
)
async def test_every_documented_refusal_can_be_scripted(kit: Discord, code: int, status: int):
    room = kit.text(kit.guild("Foxes"), "animations")
    kit.faults.add(Refuse(code), "POST", MESSAGES)
    async with Raw(kit) as ask:
        path = f"/channels/{room.id}/messages"
        assert (await ask("POST", path, {"content": "x"}))[0] == status
        assert (await ask("POST", path, {"content": "x"}))[0] == 200, "once"


@pytest.mark.parametrize("after_work", [False, True])
async def test_a_request_can_be_held_at_a_chosen_point(kit: Discord, after_work: bool):
    room = kit.text(kit.guild("Foxes"), "animations")
    hold = Hold(after_work=after_work)
    kit.faults.add(hold, "POST", MESSAGES, where=lambda call: call.channel() is room)
    async with Raw(kit) as ask:
        asking = asyncio.create_task(ask("POST", f"/channels/{room.id}/messages", {"content": "x"}))
        await asyncio.wait_for(hold.reached.wait(), 5)
        assert bool(room.messages) is after_work
        hold.release()
        assert (await asking)[0] == 200


async def test_enforced_rates_are_kept_by_discord_py(kit: Discord):
    room = kit.text(kit.guild("Foxes"), "animations")
    kit.rates.enforced = True
    bot = Bot()
    async with running(kit, bot):
        film = await bot.get_partial_messageable(room.id).send("film")
        await film.add_reaction("🔁")
        await film.add_reaction("🗑️")
    first, second = kit.calls("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me")
    assert second.started_s - first.started_s >= 0.24
    assert kit.rates.refused == 0


# -- gateway -----------------------------------------------------------------------------------------------------------


async def test_a_bad_token_is_said_on_both_ways(kit: Discord):
    with pytest.raises(discord.LoginFailure):
        async with running(kit, _with_token(Bot(), "wrong")):
            pass
    async with running(kit, Bot()):
        await kit.gateway.close(4004)
        with pytest.raises(AssertionError):
            await kit.until(lambda: kit.gateway.identifies > 1, within_s=0.2)


async def test_a_privileged_intent_that_is_switched_off_is_refused(kit: Discord):
    kit.gateway.privileged_allowed = 0
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(kit, Bot(intents=discord.Intents.all())):
            pass


async def test_a_refused_first_handshake_ends_the_client(kit: Discord):
    kit.gateway.refuse_next(503)
    # discord.py looks for the place where the connection stood that it never had.
    with pytest.raises(AttributeError):
        async with running(kit, Bot()):
            pass


@pytest.mark.parametrize("how", ["reconnect", "abort"])
async def test_a_lost_connection_is_resumed_and_what_was_missed_is_told(kit: Discord, how: str):
    room = kit.text(kit.guild("Foxes"), "animations")
    bot = Bot()
    async with running(kit, bot):
        (session,) = kit.gateway.sessions.values()
        getattr(kit.gateway, how)()
        await kit.until(lambda: session.line is None)
        kit.operator.say(room, "while you were away")
        await kit.until(lambda: session.resumes == 1)
        assert (await kit.until(lambda: bot.last("message"))).channel.id == room.id
    assert (kit.gateway.identifies, session.resumes) == (1, 1)


async def test_an_invalid_session_is_identified_anew(kit: Discord):
    bot = Bot()
    kit.guild("Foxes")
    async with running(kit, bot):
        kit.gateway.invalidate()
        # discord.py waits some seconds before it identifies again.
        await kit.until(lambda: kit.gateway.identifies == 2)
        await kit.until(lambda: kit.gateway.connected and [guild.name for guild in bot.guilds] == ["Foxes"])


async def test_shards_share_the_servers_among_them(kit: Discord):
    class Sharded(discord.AutoShardedClient):
        pass

    kit.world.shards = 2
    guilds = [kit.guild(f"guild {n}") for n in range(4)]
    bot = Sharded(intents=discord.Intents.default(), guild_ready_timeout=0.05)
    async with running(kit, bot):
        await kit.until(lambda: len(bot.guilds) == 4)
        assert {kit.world.shard_of(guild, 2) for guild in guilds[:2]} == {0, 1}
        assert {guild.id: guild.shard_id for guild in bot.guilds} == {g.id: (g.id >> 22) % 2 for g in guilds}


# -- CDN ---------------------------------------------------------------------------------------------------------------


async def _download(url: str, *, most: int = 10_000) -> tuple[int, str, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as response:
        body = b""
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > most:
                break
        return response.status, response.headers.get("Content-Type", ""), body


async def test_attachments_are_served_under_signed_links_that_expire(kit: Discord):
    room = kit.text(kit.guild("Foxes"), "animations")
    (file,) = kit.operator.say(room, "", File("fox.png", png())).attachments
    assert await _download(file.url) == (200, "image/png", png())
    assert (await _download(file.url.split("?")[0]))[0] == 404
    kit.cdn.expire(file)
    assert (await _download(file.url))[0] == 404
    assert kit.cdn.downloads == [file.id] * 3


async def test_every_mischief_of_a_download(kit: Discord):
    room = kit.text(kit.guild("Foxes"), "animations")

    def url(mischief: object) -> str:
        return kit.operator.say(room, "", File("fox.png", png(), mischief=mischief)).attachments[0].url

    assert (await _download(url(NoFile(403))))[0] == 403
    assert (await _download(url(NoFile(404))))[0] == 404
    assert await _download(url(Other(b"<html>", "image/png"))) == (200, "image/png", b"<html>")
    assert (await _download(url(Redirect("http://127.0.0.1:9/"))))[0] == 302
    assert len((await _download(url(Endless())))[2]) > 10_000
    assert (await _download(url(Trickle(chunk=40, pause_s=0.001))))[2] == png()
    assert (await _download(url(WrongLength(10))))[2] == png()[:10]
    with pytest.raises(aiohttp.ClientPayloadError):
        await _download(url(WrongLength(len(png()) + 1)))


async def test_a_stalled_download_goes_on_when_the_test_says_so(kit: Discord):
    room = kit.text(kit.guild("Foxes"), "animations")
    stall = Stalls(first=4)
    (file,) = kit.operator.say(room, "", File("fox.png", png(), mischief=stall)).attachments
    download = asyncio.create_task(_download(file.url))
    await asyncio.wait_for(stall.reached.wait(), 5)
    assert not download.done()
    stall.released.set()
    assert (await download)[2] == png()


def _with_token(bot: discord.Client, token: str) -> discord.Client:
    start = bot.start
    bot.start = lambda _token: start(token)  # type: ignore[method-assign]
    return bot
