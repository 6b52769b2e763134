"""The stand-in refuses what Discord refuses, with Discord's codes; asked by hand, without discord.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from chatkit.discord import CannotDo, Channel, Discord, File, Guild, Message, Person
from chatkit.discord.interactions import begin
from chatkit.discord.sample import Raw, png

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOUR_S = 3600


@dataclass(frozen=True)
class Scene:
    kit: Discord
    guild: Guild
    room: Channel
    mia: Person
    ask: Raw

    async def post(self, place: Channel, body: dict[str, Any], **more: Any) -> tuple[int, Any]:
        return await self.ask("POST", f"/channels/{place.id}/messages", body, **more)

    async def own(self, **body: Any) -> Message:
        _, made = await self.post(self.room, body or {"content": "film"})
        return self.room.messages[int(made["id"])]

    def at(self, message: Message, more: str = "") -> str:
        return f"/channels/{message.channel.id}/messages/{message.id}{more}"


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with Discord() as kit, Raw(kit) as ask:
        guild = kit.guild("Foxes")
        yield Scene(kit, guild, kit.text(guild, "animations"), kit.person("mia", guild), ask)
        assert kit.problems() == []


def code(answer: tuple[int, Any]) -> tuple[int, int]:
    return answer[0], answer[1]["code"]


@pytest.mark.parametrize(
    ("missing", "body", "refused"),
    [
        ("view_channel", {"content": "x"}, (403, 50001)),
        ("send_messages", {"content": "x"}, (403, 50013)),
        ("embed_links", {"embeds": [{"title": "x"}]}, (403, 50013)),
    ],
)
async def test_a_missing_right_is_refused_by_its_code(scene: Scene, missing: str, body: dict[str, Any], refused: tuple):
    scene.kit.deny(scene.room, missing)
    assert code(await scene.post(scene.room, body)) == refused
    scene.kit.allow(scene.room, missing)
    assert (await scene.post(scene.room, body))[0] == 200


async def test_files_need_the_right_to_attach_them_also_in_edits(scene: Scene):
    message = await scene.own()
    scene.kit.deny(scene.room, "attach_files")
    form = {"body": {"content": "x"}, "files": {"files[0]": b"film"}}
    assert code(await scene.post(scene.room, **form)) == (403, 50013)
    assert code(await scene.ask("PATCH", scene.at(message), **form)) == (403, 50013)


async def test_roles_and_overwrites_are_weighed_in_discords_order(scene: Scene):
    crew = scene.kit.role(scene.guild, "crew", "")
    scene.kit.give(scene.guild, None, crew)
    scene.kit.deny(scene.room, "send_messages", scene.guild.everyone)
    assert code(await scene.post(scene.room, {"content": "x"})) == (403, 50013)
    scene.kit.allow(scene.room, "send_messages", crew)
    assert (await scene.post(scene.room, {"content": "x"}))[0] == 200
    scene.kit.deny(scene.room, "send_messages")
    assert code(await scene.post(scene.room, {"content": "x"})) == (403, 50013)
    scene.kit.change_role(scene.guild, crew, "administrator")
    assert (await scene.post(scene.room, {"content": "x"}))[0] == 200


async def test_what_is_not_there_is_unknown(scene: Scene):
    nothing = scene.kit.world.births.next()
    assert code(await scene.ask("GET", f"/channels/{nothing}")) == (404, 10003)
    assert code(await scene.ask("GET", f"/channels/{scene.room.id}/messages/{nothing}")) == (404, 10008)
    assert code(await scene.ask("GET", f"/users/{nothing}")) == (404, 10013)
    scene.kit.delete_channel(scene.room)
    assert code(await scene.post(scene.room, {"content": "x"})) == (404, 10003)
    assert (await scene.ask("GET", "/users/@me", token="wrong"))[0] == 401


async def test_only_own_messages_are_edited_and_others_deleted_with_the_right_only(scene: Scene):
    said = scene.mia.say(scene.room, "hello")
    assert code(await scene.ask("PATCH", scene.at(said), {"content": "x"})) == (403, 50005)
    assert code(await scene.ask("DELETE", scene.at(said))) == (403, 50013)
    scene.kit.allow(scene.room, "manage_messages")
    assert (await scene.ask("DELETE", scene.at(said)))[0] == 204
    assert said.deleted


async def test_reactions_need_rights_and_people_who_do_not_block(scene: Scene):
    said = scene.mia.say(scene.room, "hello")
    again = scene.at(said, "/reactions/%F0%9F%94%81")
    scene.kit.deny(scene.room, "add_reactions")
    assert code(await scene.ask("PUT", again + "/@me")) == (403, 50013)
    scene.kit.allow(scene.room, "add_reactions", scene.mia)
    scene.mia.react(said, "🔁")
    assert (await scene.ask("PUT", again + "/@me"))[0] == 204, "joining a reaction that is there needs no right"
    assert code(await scene.ask("DELETE", f"{again}/{scene.mia.id}")) == (403, 50013)
    scene.mia.user.blocks_bot = True
    assert code(await scene.ask("PUT", again + "/@me")) == (403, 90001)
    assert code(await scene.ask("PUT", scene.at(said, "/reactions/abc/@me"))) == (400, 10014)


async def test_a_file_above_the_servers_limit_is_too_large(scene: Scene):
    scene.guild.upload_bytes_max = 1000
    fits, large = {"files[0]": bytes(1000)}, {"files[0]": bytes(1001)}
    assert (await scene.post(scene.room, {}, files=fits))[0] == 200
    assert code(await scene.post(scene.room, {}, files=large)) == (413, 40005)
    scene.kit.boost(scene.guild, 2)
    assert (await scene.post(scene.room, {}, files=large))[0] == 200


async def test_a_nonce_makes_one_message_only(scene: Scene):
    body = {"content": "film", "nonce": "41-1", "enforce_nonce": True}
    first, second = await scene.own(**body), await scene.own(**body)
    other = await scene.own(content="film", nonce="41-1")
    assert (first is second, first is other, len(scene.room.messages)) == (True, False, 2)
    scene.kit.age(first, 6 * 60)
    scene.kit.age(other, 6 * 60)
    assert await scene.own(**body) is not first


async def test_messages_over_an_hour_old_take_few_edits(scene: Scene):
    message = await scene.own()
    edits = [await scene.ask("PATCH", scene.at(message), {"content": str(n)}) for n in range(8)]
    assert {status for status, _ in edits} == {200}
    scene.kit.age(message, HOUR_S + 1)
    edits = [await scene.ask("PATCH", scene.at(message), {"content": str(n)}) for n in range(6)]
    assert [status for status, _ in edits] == [200] * 5 + [429]
    assert code(edits[-1]) == (429, 30046)


async def test_what_is_born_long_ago_says_so_in_its_id(scene: Scene):
    with scene.kit.long_ago(HOUR_S):
        old = scene.mia.say(scene.room, "hello")
    now = scene.mia.say(scene.room, "hello")
    assert 3500 < ((now.id >> 22) - (old.id >> 22)) / 1000 < 3700
    assert scene.mia.reads(scene.room) == [old, now]


async def test_mentions_are_parsed_as_the_request_allows(scene: Scene):
    crew = scene.kit.role(scene.guild, "crew")
    content = f"{scene.mia.mention} <@&{crew.id}> @everyone <@1>"
    every = await scene.own(content=content)
    assert (every.mentions, every.mention_roles, every.mention_everyone) == ([scene.mia.user], [crew], True)
    none = await scene.own(content=content, allowed_mentions={"parse": []})
    assert (none.mentions, none.mention_roles, none.mention_everyone) == ([], [], False)
    one = await scene.own(content=content, allowed_mentions={"parse": [], "users": [scene.mia.id]})
    assert (one.mentions, one.mention_roles, one.mention_everyone) == ([scene.mia.user], [], False)
    await scene.ask("PATCH", scene.at(one), {"content": content})
    assert one.mentions == [scene.mia.user]
    assert one.mention_roles == [crew], "an edit parses anew, by its own allowed_mentions"


async def test_threads_have_their_own_right(scene: Scene):
    thread = scene.kit.thread(scene.room, "talk")
    scene.kit.deny(scene.room, "send_messages_in_threads")
    assert code(await scene.post(thread, {"content": "x"})) == (403, 50013)
    scene.kit.allow(scene.room, "send_messages_in_threads")
    assert (await scene.post(thread, {"content": "x"}))[0] == 200


async def test_what_an_archived_thread_refuses_and_what_wakes_it(scene: Scene):
    thread = scene.kit.thread(scene.room, "talk")
    _, made = await scene.post(thread, {"content": "x"})
    message, path = thread.messages[int(made["id"])], f"/channels/{thread.id}"
    scene.kit.archive(thread)
    for method, at, body in (
        ("PATCH", scene.at(message), {"content": "y"}),
        ("DELETE", scene.at(message), None),
        ("PUT", scene.at(message) + "/reactions/%F0%9F%94%81/@me", None),
    ):
        assert code(await scene.ask(method, at, body)) == (400, 50083), method
    assert (await scene.ask("GET", path + "/messages"))[0] == 200, "it can be read"
    with pytest.raises(CannotDo):
        scene.mia.react(message, "🔁")
    assert (await scene.ask("PATCH", path, {"archived": False}))[0] == 200
    assert not thread.archived
    assert code(await scene.ask("PATCH", path, {"archived": True})) == (403, 50013), "a right to write is not enough"
    scene.kit.archive(thread)
    assert (await scene.post(thread, {"content": "x"}))[0] == 200
    assert not thread.archived, "a message wakes it"
    scene.kit.allow(scene.room, "manage_threads")
    assert (await scene.ask("PATCH", path, {"archived": True}))[0] == 200
    assert code(await scene.ask("DELETE", scene.at(message))) == (400, 50083)
    assert code(await scene.ask("PATCH", path, {"name": "chat"})) == (400, 50083)


async def test_a_locked_thread_is_for_those_who_manage_threads(scene: Scene):
    thread = scene.kit.thread(scene.room, "talk")
    path = f"/channels/{thread.id}"
    scene.kit.lock(thread)
    assert code(await scene.post(thread, {"content": "x"})) == (400, 160005)
    scene.kit.archive(thread, locked=True)
    assert code(await scene.post(thread, {"content": "x"})) == (400, 50083)
    assert code(await scene.ask("PATCH", path, {"archived": False})) == (403, 50013)
    scene.kit.allow(scene.room, "manage_threads")
    assert (await scene.ask("PATCH", path, {"archived": False}))[0] == 200
    assert (thread.archived, thread.locked) == (False, True)
    assert (await scene.post(thread, {"content": "x"}))[0] == 200


async def test_forums_take_posts_only(scene: Scene):
    forum = scene.kit.forum(scene.guild, "films", tag_required=True)
    assert code(await scene.post(forum, {"content": "x"})) == (400, 50008)
    post = {"name": "a film", "message": {"content": "x"}}
    assert code(await scene.ask("POST", f"/channels/{forum.id}/threads", post)) == (400, 40067)
    forum.tag_required = False
    status, made = await scene.ask("POST", f"/channels/{forum.id}/threads", post)
    thread = scene.guild.channels[int(made["id"])]
    assert (status, made["message"]["id"]) == (201, made["id"])
    assert (await scene.post(thread, {"content": "more"}))[0] == 200


async def test_private_chats_can_be_closed(scene: Scene):
    _, made = await scene.ask("POST", "/users/@me/channels", {"recipient_id": str(scene.mia.id)})
    chat = scene.mia.dm()
    assert int(made["id"]) == chat.id
    assert (await scene.post(chat, {"content": "x"}))[0] == 200
    scene.mia.user.dm_open = False
    assert code(await scene.post(chat, {"content": "x"})) == (403, 50007)
    scene.mia.user.dm_open = True
    scene.mia.leave(scene.guild)
    assert code(await scene.post(chat, {"content": "x"})) == (403, 50007), "no server in common"


async def test_automod_blocks_words(scene: Scene):
    scene.guild.blocked_words.add("heck")
    assert code(await scene.post(scene.room, {"content": "what the Heck"})) == (400, 200000)


async def test_interactions_live_three_seconds_and_their_tokens_fifteen_minutes(scene: Scene):
    asked = begin(scene.kit.world, 2, scene.mia.user, scene.room, {"id": "1", "name": "x", "type": 1})
    hook = f"/webhooks/{scene.kit.world.bot.id}/{asked.token}"
    callback = f"/interactions/{asked.id}/{asked.token}/callback"
    assert code(await scene.ask("POST", hook, {"content": "x"})) == (404, 10015)
    scene.kit.age(asked, 3.1)
    assert code(await scene.ask("POST", callback, {"type": 5})) == (404, 10062)
    scene.kit.age(asked, -3.1)
    assert (await scene.ask("POST", callback, {"type": 5}))[0] == 204
    assert code(await scene.ask("POST", callback, {"type": 5})) == (400, 40060)
    assert (await scene.ask("PATCH", hook + "/messages/@original", {"content": "x"}))[0] == 200
    scene.kit.age(asked, 15 * 60)
    assert code(await scene.ask("PATCH", hook + "/messages/@original", {"content": "y"})) == (401, 50027)
    assert (await scene.ask("PATCH", scene.at(asked.response), {"content": "z"}))[0] == 200, (
        "the bot's own token lives on"
    )
    assert code(await scene.ask("POST", f"/interactions/{asked.id}/forged/callback", {"type": 5})) == (404, 10062)


async def test_history_is_paged_newest_first_without_what_is_hidden(scene: Scene):
    said = [scene.mia.say(scene.room, str(n)) for n in range(5)]
    said[2].only_for = scene.mia.user
    path = f"/channels/{scene.room.id}/messages"
    assert [m["content"] for m in (await scene.ask("GET", path + "?limit=2"))[1]] == ["4", "3"]
    assert [m["content"] for m in (await scene.ask("GET", f"{path}?before={said[4].id}"))[1]] == ["3", "1", "0"]
    assert [m["content"] for m in (await scene.ask("GET", f"{path}?after={said[0].id}&limit=2"))[1]] == ["3", "1"]
    scene.kit.deny(scene.room, "read_message_history")
    assert (await scene.ask("GET", path))[1] == []


async def test_a_picture_shown_by_an_embed_is_no_attachment(scene: Scene):
    body = {"embeds": [{"image": {"url": "attachment://fox.png"}}], "attachments": [{"id": 0, "filename": "fox.png"}]}
    _, made = await scene.post(scene.room, body, files={"files[0]": png()})
    message = scene.room.messages[int(made["id"])]
    assert (message.attachments, message.inlined[0].content) == ([], png())
    assert made["embeds"][0]["image"]["url"] == message.inlined[0].url


async def test_edits_keep_the_attachments_that_they_name(scene: Scene):
    said = {"attachments": [{"id": 0, "filename": "a.mp4"}, {"id": 1, "filename": "b.gif"}]}
    _, made = await scene.post(scene.room, said, files={"files[0]": b"a", "files[1]": b"b"})
    message = scene.room.messages[int(made["id"])]
    kept = {"attachments": [{"id": str(message.attachments[1].id)}, {"id": 0, "filename": "c.png"}]}
    await scene.ask("PATCH", scene.at(message), kept, files={"files[0]": b"c"})
    assert [(f.filename, f.content) for f in message.attachments] == [("b.gif", b"b"), ("c.png", b"c")]
    await scene.ask("PATCH", scene.at(message), {"content": "words only"})
    assert len(message.attachments) == 2
    await scene.ask("PATCH", scene.at(message), {"attachments": []})
    assert message.attachments == []


async def test_a_declared_size_can_be_a_lie(scene: Scene):
    said = scene.mia.say(scene.room, "", File("fox.png", png(), declared_bytes=156))
    _, made = await scene.ask("GET", scene.at(said))
    assert made["attachments"][0]["size"] == 156
