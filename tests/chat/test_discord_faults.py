"""What Discord does to bots: after each fault the request ends where it should, once, and nothing is charged twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botkit.house import png
from chatkit.discord import Abort, Broken, Discord, Message, RateLimit, Refuse
from discordkit.films import draw_heavy
from discordkit.site import Site, home, member, site
from sqlalchemy import update

from bot.chat import Incoming
from bot.discord.answers import ref
from bot.discord.controls import film_ids
from bot.discord.memory import Memory
from bot.wording.views import status_view
from storage.jobs import JobState
from storage.schema import request

CALLBACK = ("POST", "/interactions/{interaction_id}/{interaction_token}/callback")
ORIGINAL = ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original")
POST = ("POST", "/channels/{channel_id}/messages")
EDIT = ("PATCH", "/channels/{channel_id}/messages/{message_id}")
DELETE = ("DELETE", "/channels/{channel_id}/messages/{message_id}")
SEED = ("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with Discord() as kit, site(tmp_path / "data", kit) as found:
        yield found


def films(here: Site) -> list[Message]:
    return [message for message in here.mia.reads(here.room) if message.attachments]


def others(here: Site) -> list[Message]:
    return [message for message in here.mia.reads(here.room) if not message.attachments]


@pytest.mark.parametrize(
    "fault", [Broken(502), Broken(503), Broken(502, after_work=True), Abort(), Abort(after_work=True), RateLimit()]
)
async def test_an_acknowledgement_that_fails_on_the_way_is_made_once(here: Site, fault: object) -> None:
    met = here.kit.faults.add(fault, *CALLBACK)
    await here.asked()
    await here.drawn()
    assert met.hits == 1
    assert (len(films(here)), others(here)) == (1, [])


async def test_an_interaction_that_expired_leaves_nothing(here: Site) -> None:
    here.kit.faults.add(Refuse(10062), *CALLBACK)
    here.ask()
    await here.kit.until(lambda: len(here.kit.calls(*CALLBACK)) == 1)
    await here.asked(here.ben)
    assert (await here.status(1)).member.name == "Ben"
    # Of his placeholder nothing is left; he was called in the channel, and that message goes after a while.
    (note,) = (here.work.folder / "discord-placeholders").glob("*")
    called = json.loads(note.read_text("utf-8"))
    assert called["said"]
    assert called["message_id"] == int(note.stem)


@pytest.mark.parametrize("fault", [Refuse(50027), Broken(502, after_work=True), Abort()])
async def test_a_placeholder_whose_token_fails_is_edited_with_the_bots(here: Site, fault: object) -> None:
    here.kit.faults.add(fault, *ORIGINAL)
    status = await here.asked()
    assert status.button("Cancel")


@pytest.mark.parametrize(
    "fault",
    [
        Broken(502),
        Broken(502, after_work=True),
        Broken(504, after_work=True),
        Abort(),
        Abort(after_work=True),
        RateLimit(),
        RateLimit(everywhere=True),
    ],
)
async def test_a_film_whose_delivery_fails_on_the_way_comes_once(here: Site, fault: object) -> None:
    await here.asked()
    met = here.kit.faults.add(fault, *POST)
    await here.drawn()
    assert met.hits == 1
    assert (len(films(here)), others(here)) == (1, [])


@pytest.mark.parametrize("fault", [Broken(502), Broken(502, after_work=True), Abort(after_work=True), Refuse(10008)])
async def test_a_status_whose_removal_fails_goes_all_the_same(here: Site, fault: object) -> None:
    await here.asked()
    here.kit.faults.add(fault, *DELETE)
    await here.drawn()
    await here.kit.until(lambda: films(here) and (not others(here) or isinstance(fault, Refuse)))


async def test_a_ban_at_the_door_is_waited_out(here: Site) -> None:
    await here.asked()
    here.kit.faults.add(RateLimit(via=False), *POST)
    await here.work.draw_next()
    await here.kit.until(lambda: len(here.kit.calls(*POST)) == 1)

    async def put_off() -> bool:
        return not await here.work.store.outbox_due(limit=10)

    # Nothing hammers at the door, nothing is lost: the film is owed.
    await here.settled(put_off)
    assert await here.owed(1) == 1
    status = await here.status()
    assert (status.state, status.unreached) == (JobState.DONE, False)


@pytest.mark.parametrize("code", [403, 40333])
async def test_a_door_that_is_shut_to_everybody_closes_no_place(here: Site, code: int) -> None:
    await here.asked()
    here.kit.faults.add(Refuse(code), *POST)
    await here.work.draw_next()
    await here.kit.until(lambda: len(here.kit.calls(*POST)) == 1)

    async def put_off() -> bool:
        return not await here.work.store.outbox_due(limit=10)

    await here.settled(put_off)
    assert await here.owed(1) == 1
    assert not (await here.status()).unreached


async def test_a_cover_of_an_old_film_is_owed_until_it_is_there(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.kit.age(film, 3700)
    here.kit.faults.add(Refuse(30046), *EDIT, where=lambda call: call.params["message_id"] == str(film.id))
    here.mia.react(film, "🙈")
    await here.kit.until(lambda: film.attachments and all(file.spoiler for file in film.attachments))


async def test_a_film_in_a_busy_room_is_found_after_an_outage(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    for number in range(120):
        here.ben.say(here.room, f"chatter {number}")
    ended_ms = (await here.status()).ended_ms
    assert ended_ms is not None
    memory, channel = Memory(), here.adapter.channel(str(here.room.id))
    me = here.kit.world.bot.id
    assert await memory.find(channel, me, film_ids(1), since_ms=ended_ms) == film.id
    assert len(here.kit.calls("GET", "/channels/{channel_id}/messages")) == 2


async def test_a_status_deleted_during_an_outage_is_replaced_without_a_fuss(
    here: Site, caplog: pytest.LogCaptureFixture
) -> None:
    status = await here.asked()
    await here.work.database.write(
        lambda db: db.execute(update(request).values(created_ms=request.c.created_ms - 120_000))
    )
    # A look at the room that is still fresh when the message goes.
    await here.adapter.post(home(here), status_view(await here.status()), nonce="fb1.look")
    here.kit.operator.delete(status)
    await here.desk.cancel(1, member(here.mia))
    anew = await here.kit.posted(here.room, lambda message: "✖️" in message.content)
    assert anew.id != status.id
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("code", [50013, 50001, 10003, 200000])
async def test_a_closed_place_keeps_the_film_and_its_requester_is_told(here: Site, code: int) -> None:
    await here.asked()
    here.kit.faults.add(Refuse(code), *POST, where=lambda call: call.params["channel_id"] == str(here.room.id))
    await here.work.draw_next()
    told = await here.kit.posted(here.mia.dm())
    assert "the fox" in told.content
    assert (await here.status()).unreached
    page = await here.kit.answer(here.mia.slash(here.mia.dm(), "history"))
    pressed = here.mia.choose(page, "fb:again", "Film 1")
    await here.kit.until(lambda: pressed.followups)
    await here.film(here.mia.dm())


async def test_a_closed_place_and_closed_direct_messages(here: Site) -> None:
    here.mia.user.dm_open = False
    await here.asked()
    here.kit.faults.add(Refuse(50013), *POST, where=lambda call: call.params["channel_id"] == str(here.room.id))
    status = await here.work.draw_next()
    await here.quiet(status.request_id)
    assert (await here.status()).unreached


async def test_a_status_that_a_moderator_deleted_is_posted_anew(here: Site) -> None:
    status = await here.asked()
    here.kit.operator.delete(status)
    pressed = here.mia.slash(here.room, "queue")
    await here.kit.answer(pressed)
    await here.desk.cancel(1, (await here.status()).member)
    anew = await here.kit.posted(here.room, lambda message: "✖️" in message.content)
    assert anew.id != status.id


async def test_an_old_status_is_replaced_not_edited(here: Site) -> None:
    with here.kit.long_ago(3700):
        old = await here.adapter.channel(str(here.room.id)).send("🎬 Queued, long ago")
    await here.desk.submit(
        Incoming(
            idem="discord:long:ago",
            member=member(here.mia),
            place=home(here),
            picture=png(),
            status_ref=ref(here.room.id, old.id),
        )
    )
    anew = await here.kit.posted(here.room, lambda message: message.buttons())
    assert anew.id != old.id
    assert old.id not in here.room.messages
    await here.drawn()
    assert (len(films(here)), others(here)) == (1, [])


async def test_a_reaction_that_cannot_be_seeded_costs_nothing(here: Site) -> None:
    here.kit.deny(here.room, "add_reactions")
    await here.asked()
    film = await here.drawn()
    assert film.button("🔁")
    await here.kit.until(lambda: here.kit.calls(*SEED))


async def test_a_refused_file_is_made_smaller_and_that_is_said(here: Site) -> None:
    await here.asked(seconds=0.5)
    met = here.kit.faults.add(Refuse(40005), *POST)
    status = await draw_heavy(here.work)
    film = await here.film()
    assert met.hits == 1
    assert status.result is not None
    assert film.attachments[0].size < 0.8 * status.result.film.byte_count
    assert "-#" in film.content


async def test_a_server_that_takes_less_than_it_says(here: Site) -> None:
    here.guild.upload_bytes_max = 400_000
    await here.asked(seconds=0.5)
    await draw_heavy(here.work)
    film = await here.film()
    assert sum(file.size for file in film.attachments) <= 400_000


async def test_a_film_above_the_older_limit_goes_out_whole(here: Site) -> None:
    await here.asked(seconds=1.2)
    status = await draw_heavy(here.work, side=896)
    film = await here.film()
    assert status.result is not None
    assert film.attachments[0].size == status.result.film.byte_count > 10 * 2**20


async def test_a_server_with_the_older_limit_is_sent_too_much_once(here: Site) -> None:
    here.guild.upload_bytes_max = 10 * 2**20
    await here.asked(seconds=1.2)
    await draw_heavy(here.work, side=896)
    film = await here.film()
    assert 1_000_000 < sum(file.size for file in film.attachments) <= 10 * 2**20
    refused = [call for call in here.kit.calls(*POST) if call.status == 413]
    assert len(refused) == 1
    assert here.adapter.upload_bytes_max(str(here.guild.id)) == 10 * 2**20


async def test_a_boosted_server_takes_what_it_says(here: Site) -> None:
    here.kit.boost(here.guild, 2)
    await here.asked()
    assert here.adapter.upload_bytes_max(str(here.guild.id)) == 50 * 2**20
    assert here.adapter.upload_bytes_max("dm:7") == 20 * 2**20
