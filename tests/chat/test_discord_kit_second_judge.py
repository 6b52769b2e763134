"""The same requests put to the stand-in and to simcord, an independent simulation: both must decide alike.

simcord's simulation is asked through its table of routes. Its own way to run a bot is not used: that swaps discord.py's
HTTP client and the process's clock, and the rest of this suite is about what discord.py really sends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from chatkit.discord import Discord, permissions
from chatkit.discord.interactions import begin
from chatkit.discord.sample import Raw, needs_document
from simcord.backend import Backend
from simcord.backend.errors import BackendError
from simcord.backend.models import Interaction, Overwrite
from simcord.enums import ChannelType, OverwriteType
from simcord.http import router, routes  # noqa: F401 # importing the routes fills the table

Verdict = tuple[bool, int | None]
"""Whether it was done, and the code of the refusal where not."""

SAY = {"content": "hello"}
SECRET = {"content": "hello", "flags": 64}
BUTTON = {"type": 2, "style": 2, "label": "Cancel", "custom_id": "cancel:1"}
ROW = {"type": 1, "components": [BUTTON]}
REROLL = "%F0%9F%94%81"
CALLBACK = "/interactions/{asked}/{token}/callback"
ORIGINAL = "/webhooks/{app}/{token}/messages/@original"

# Name, method, path, body. A name that ends in `>x` keeps the answer's id as {x}.
SCRIPT: list[tuple[str, str, str, Any]] = [
    ("post>own", "POST", "/channels/{room}/messages", SAY),
    ("post with buttons>film", "POST", "/channels/{room}/messages", {**SAY, "components": [ROW]}),
    ("post nothing", "POST", "/channels/{room}/messages", {"content": ""}),
    ("post too long", "POST", "/channels/{room}/messages", {"content": "x" * 2001}),
    ("post too many embeds", "POST", "/channels/{room}/messages", {"embeds": [{"title": "x"}] * 11}),
    ("post embeds too long", "POST", "/channels/{room}/messages", {"embeds": [{"description": "x" * 3001}] * 2}),
    ("post six rows", "POST", "/channels/{room}/messages", {"components": [ROW] * 6}),
    ("post a custom_id twice", "POST", "/channels/{room}/messages", {"components": [ROW, ROW]}),
    ("post where it may not", "POST", "/channels/{quiet}/messages", SAY),
    ("post where it sees nothing", "POST", "/channels/{hidden}/messages", SAY),
    ("post in no channel", "POST", "/channels/1/messages", SAY),
    ("post in a forum", "POST", "/channels/{forum}/messages", SAY),
    ("post in a thread", "POST", "/channels/{thread}/messages", SAY),
    ("start a post", "POST", "/channels/{forum}/threads", {"name": "film", "message": SAY}),
    ("edit", "PATCH", "/channels/{room}/messages/{own}", {"content": "hello again"}),
    ("edit to nothing", "PATCH", "/channels/{room}/messages/{own}", {"content": ""}),
    ("edit too long", "PATCH", "/channels/{room}/messages/{own}", {"content": "x" * 2001}),
    ("edit another's", "PATCH", "/channels/{room}/messages/{said}", SAY),
    ("edit what is not there", "PATCH", "/channels/{room}/messages/1", SAY),
    ("fetch", "GET", "/channels/{room}/messages/{own}", None),
    ("fetch what is not there", "GET", "/channels/{room}/messages/1", None),
    ("fetch where it sees nothing", "GET", "/channels/{hidden}", None),
    ("history", "GET", "/channels/{room}/messages", None),
    ("react", "PUT", f"/channels/{{room}}/messages/{{said}}/reactions/{REROLL}/@me", None),
    ("react where it may not", "PUT", f"/channels/{{quiet}}/messages/{{quietly}}/reactions/{REROLL}/@me", None),
    ("react to what is not there", "PUT", f"/channels/{{room}}/messages/1/reactions/{REROLL}/@me", None),
    (
        "take a member's reaction",
        "DELETE",
        f"/channels/{{quiet}}/messages/{{quietly}}/reactions/{REROLL}/{{mia}}",
        None,
    ),
    ("take back a reaction", "DELETE", f"/channels/{{room}}/messages/{{said}}/reactions/{REROLL}/@me", None),
    ("delete another's", "DELETE", "/channels/{quiet}/messages/{quietly}", None),
    ("delete", "DELETE", "/channels/{room}/messages/{own}", None),
    ("delete once more", "DELETE", "/channels/{room}/messages/{own}", None),
    ("open a private chat>dm", "POST", "/users/@me/channels", {"recipient_id": "{mia}"}),
    ("write there", "POST", "/channels/{dm}/messages", SAY),
    ("answer a forged interaction", "POST", "/interactions/1/forged/callback", {"type": 5}),
    ("answer too long", "POST", CALLBACK, {"type": 4, "data": {"content": "x" * 2001}}),
    ("defer", "POST", CALLBACK, {"type": 5}),
    ("defer again", "POST", CALLBACK, {"type": 5}),
    ("edit the original", "PATCH", ORIGINAL, {"content": "queued"}),
    ("fetch the original>status", "GET", ORIGINAL, None),
    ("edit it with the bot's token", "PATCH", "/channels/{room}/messages/{status}", {"content": "drawing"}),
    ("follow up>more", "POST", "/webhooks/{app}/{token}", SAY),
    ("delete the follow-up", "DELETE", "/webhooks/{app}/{token}/messages/{more}", None),
    ("delete it again", "DELETE", "/webhooks/{app}/{token}/messages/{more}", None),
    (
        "answer in private",
        "POST",
        "/interactions/{asked2}/{token2}/callback",
        {"type": 4, "data": {**SAY, "flags": 64}},
    ),
    ("fetch that>secret", "GET", "/webhooks/{app}/{token2}/messages/@original", None),
    ("find it in the channel", "GET", "/channels/{room}/messages/{secret}", None),
    ("edit it in the channel", "PATCH", "/channels/{room}/messages/{secret}", SAY),
]

# Where they differ, ours first, and Discord's own word for it.
DISAGREEMENTS: dict[str, tuple[Verdict, Verdict]] = {
    # "Cannot send an empty message" is 50006, in edits too.
    "post nothing": ((False, 50006), (False, 50035)),
    "edit to nothing": ((False, 50006), (True, None)),
    # "Cannot send messages in a non-text channel": forums take posts only.
    "post in a forum": ((False, 50008), (True, None)),
}


class Judge(Protocol):
    names: dict[str, str]

    async def ask(self, method: str, path: str, body: Any) -> tuple[Verdict, Any]: ...


async def decide(judge: Judge) -> dict[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    for entry, method, path, body in SCRIPT:
        name, _, kept = entry.partition(">")
        if isinstance(body, dict) and "recipient_id" in body:
            body = {"recipient_id": judge.names["mia"]}
        verdicts[name], answer = await judge.ask(method, path.format_map(judge.names), body)
        if kept and answer:
            judge.names[kept] = answer["id"]
    return verdicts


@needs_document
async def test_both_judges_decide_alike():
    async with Discord() as kit, Raw(kit) as raw:
        ours = await decide(our_judge(kit, raw))
    theirs = await decide(simcord_judge())
    differing = {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
    assert differing == DISAGREEMENTS


# -- the stand-in ------------------------------------------------------------------------------------------------------


@dataclass
class Ours:
    raw: Raw
    names: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any) -> tuple[Verdict, Any]:
        status, answer = await self.raw(method, path, body)
        return (True, None) if status < 300 else (False, answer["code"]), answer


def our_judge(kit: Discord, raw: Raw) -> Ours:
    guild = kit.guild("Foxes")
    mia = kit.person("mia", guild)
    rooms = {name: kit.text(guild, name) for name in ("room", "quiet", "hidden")}
    rooms |= {"forum": kit.forum(guild, "forum"), "thread": kit.thread(rooms["room"], "thread")}
    said = {"said": mia.say(rooms["room"], "hello"), "quietly": mia.say(rooms["quiet"], "hello")}
    kit.deny(rooms["quiet"], "send_messages add_reactions manage_messages")
    kit.deny(rooms["hidden"], "view_channel")
    judge = Ours(raw, {"app": str(kit.world.bot.id), "mia": str(mia.id)})
    judge.names |= {name: str(thing.id) for name, thing in (rooms | said).items()}
    for number in ("", "2"):
        asked = begin(kit.world, 2, mia.user, rooms["room"], {"id": "1", "name": "x", "type": 1})
        judge.names |= {f"asked{number}": str(asked.id), f"token{number}": asked.token}
    return judge


# -- simcord -----------------------------------------------------------------------------------------------------------


@dataclass
class Simcord:
    backend: Backend
    names: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any) -> tuple[Verdict, Any]:
        try:
            return (True, None), router.dispatch(self.backend, method, path, json=body)
        except BackendError as refused:
            return (False, refused.code), None


def simcord_judge() -> Simcord:
    backend = Backend()
    bot, guild = backend.bot_user.id, backend.create_guild("Foxes").id
    mia = backend.make_user("mia").id
    backend.add_member(guild, mia)
    rooms = {name: backend.create_channel(guild, name).id for name in ("room", "quiet", "hidden")}
    rooms["forum"] = backend.create_channel(guild, "forum", type=ChannelType.FORUM).id
    rooms["thread"] = backend.create_thread(rooms["room"], "thread", mia).id
    said = {
        name: backend.create_message(rooms[room], mia, "hello").id
        for name, room in (("said", "room"), ("quietly", "quiet"))
    }
    for room, denied in (("quiet", "send_messages add_reactions manage_messages"), ("hidden", "view_channel")):
        overwrite = Overwrite(bot, OverwriteType.MEMBER, deny=permissions.named(denied))
        backend.set_overwrite(rooms[room], overwrite)
    judge = Simcord(backend, {"app": str(backend.application_id), "mia": str(mia)})
    judge.names |= {name: str(id) for name, id in (rooms | said).items()}
    for number in ("", "2"):
        asked = Interaction(backend.snowflake(), f"token{number}", 2, rooms["room"], guild, mia)
        backend.interactions[asked.id] = asked
        backend.interaction_tokens[asked.token] = asked.id
        judge.names |= {f"asked{number}": str(asked.id), f"token{number}": asked.token}
    return judge
