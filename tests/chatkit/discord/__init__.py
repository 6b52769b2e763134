"""A Discord on loopback that real, unpatched discord.py talks to: REST, gateway and CDN.

    from chatkit.discord import Discord, File, RateLimit

    async def test_a_member_animates_a_picture():
        async with Discord() as kit:
            guild = kit.guild("Foxes", tier=1)
            room = kit.text(guild, "animations")
            mia = kit.person("mia", guild, locale="it")
            with kit.reachable():                        # discord.py in this process finds the stand-in
                client = make_client()                   # any discord.Client
                running = asyncio.create_task(client.start(kit.token))
                await kit.connected()
                ...                                      # the bot syncs its commands
                asked = mia.slash(room, "anima", image=File("fox.png", png), prompt="…", seconds=5)
                status = await kit.answer(asked)         # the bot's message, no longer "thinking …"
                film = await kit.posted(room, lambda m: m.attachments)
                mia.react(film, "🔁")
                await client.close()
                await running
            assert kit.problems() == []

**People** (`people.py`) say, edit, delete, react and unreact, use slash commands, context menus, buttons, select menus
and modals, join and leave. They can only do what the app would let them: an unregistered command, a disabled button or
a missing right raises `CannotDo`. `mia.press(message, "custom:id")` is the forger's way. Actions return at once; what
the bot makes of them is awaited: `kit.acknowledged(asked)`, `kit.answer(asked)`, `kit.posted(room, …)` and
`kit.until(lambda: …)`, which looks again after every change and never sleeps. `asked.modal`, `asked.choices`,
`asked.ephemeral`, `asked.waited_s` tell of the answer; `mia.reads(room)` is what she sees.

**Arranging** (`building.py`): guilds, text channels, forums, threads, roles, `kit.allow(room, "attach_files")`,
`kit.deny(…)` (the bot where nobody is named), `kit.archive(thread)`, `kit.lock(thread)`, `kit.delete_channel(room)`,
`kit.remove_bot(guild)`; `kit.world.shards = 2` before the bot starts; `mia.user.dm_open = False`;
`guild.upload_bytes_max`, `guild.blocked_words`.
`kit.age(message, 3700)` makes something older for the stand-in; inside `kit.long_ago(3700)` things are born old, ids
included.

**Faults**: `kit.faults.add(Broken(502, after_work=True), "POST", "/channels/{channel_id}/messages")` (`faults.py`;
`Hold` stops a request at a chosen point, the place for a kill), `kit.gateway.reconnect()`, `.invalidate()`, `.abort()`,
`.close(4004)`, `.refuse_next(503)`; `kit.cdn.misbehave(attachment, Endless())` and `kit.cdn.expire(attachment)`
(`cdn.py`), or before the upload `File("fox.png", png, mischief=Endless())`. `kit.rates.enforced = True` makes the
usual rate limits real.

**Judging**: every request, every answer and every message that is announced is checked against Discord's published
OpenAPI document (`spec.py`), and against limits it cannot say (`limits.py`, `command_limits.py`). `kit.problems()`
lists what was broken; `kit.world.problems.take()` empties the list for a test that breaks something on purpose.
`kit.calls("PATCH", "/channels/{channel_id}/messages/{message_id}")` are the requests with their times;
`kit.unanswered()` the interactions that nobody acknowledged.

**A bot in its own process**: `Discord(proxied_in=tmp_path)` uses Discord's real names; the bot gets `kit.proxy_url` as
its `discord.proxy` setting, `kit.environment()` in its environment and `kit.token`.

**What is documented nowhere** and stands here as it is observed or inferred: how many edits a message over an hour old
takes (`kit.world.old_edits_max`), that an edit with the bot's token ends "thinking …", that a file shown by an embed is
no attachment, what an archived or locked thread refuses under which code, the figures in `rates.py`.

**Showing**: `page_of(room, mia)` is what she sees there as an HTML page (`transcript.py`).
"""

from __future__ import annotations

from chatkit.discord.cdn import Endless, NoFile, Other, Redirect, Stalls, Trickle, WrongLength
from chatkit.discord.faults import Abort, Broken, Hold, RateLimit, Refuse
from chatkit.discord.interactions import CannotDo
from chatkit.discord.kit import Discord
from chatkit.discord.model import Channel, Guild, Interaction, Message, Role
from chatkit.discord.people import File, Person
from chatkit.discord.transcript import page_of

__all__ = [
    "Abort",
    "Broken",
    "CannotDo",
    "Channel",
    "Discord",
    "Endless",
    "File",
    "Guild",
    "Hold",
    "Interaction",
    "Message",
    "NoFile",
    "Other",
    "Person",
    "RateLimit",
    "Redirect",
    "Refuse",
    "Role",
    "Stalls",
    "Trickle",
    "WrongLength",
    "page_of",
]
