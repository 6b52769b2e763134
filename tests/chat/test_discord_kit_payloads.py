"""What the stand-in says of itself is what Discord's document says, also where no route answers it."""

from __future__ import annotations

import pytest
from chatkit.discord import Discord, File, payloads, spec
from chatkit.discord.interactions import begin, payload
from chatkit.discord.sample import needs_document, png

pytestmark = needs_document


def faults(schema: str, value: object) -> list[str]:
    document = spec.load()
    assert document is not None
    return document.schema_faults(schema, value)


async def test_servers_rooms_and_people_are_as_documented():
    async with Discord() as kit:
        guild = kit.guild("Foxes", tier=2)
        room = kit.text(guild, "animations")
        mia = kit.person("mia", guild)
        kit.allow(room, "send_messages", mia)
        kit.deny(room, "send_messages", kit.role(guild, "crew", "manage_messages", mia))
        kit.thread(room, "talk")
        kit.thread(kit.forum(guild, "films", tag_required=True), "a film")
        whole = payloads.guild(guild, kit.world.bot)
        found = [fault for role in whole["roles"] for fault in faults("GuildRoleResponse", role)]
        found += [fault for channel in whole["channels"] for fault in faults("GuildChannelResponse", channel)]
        found += [fault for thread in whole["threads"] for fault in faults("ThreadResponse", thread)]
        found += [
            fault
            for member in guild.members.values()
            for fault in faults("GuildMemberResponse", payloads.member(member))
        ]
        found += faults("PrivateChannelResponse", payloads.channel(mia.dm()))
        found += faults("UserResponse", payloads.user(mia.user))
        found += faults("UserPIIResponse", payloads.own_user(kit.world.bot))
        assert found == []
        assert (len(whole["channels"]), len(whole["threads"])) == (2, 2)


@pytest.mark.parametrize("kind", [2, 3, 5])
async def test_messages_of_every_origin_are_as_documented(kind: int):
    async with Discord() as kit:
        guild = kit.guild("Foxes")
        room = kit.text(guild, "animations")
        mia = kit.person("mia", guild)
        said = mia.say(room, f"look {kit.operator.mention}", File("fox.png", png()))
        answer = mia.say(room, "and this", reply_to=said)
        mia.react(answer, "🔁")
        said.interaction = begin(kit.world, kind, mia.user, room, {"id": "1"}, message=answer if kind != 2 else None)
        for message in (said, answer):
            assert faults("MessageResponse", payloads.message(message, kit.world.bot)) == []


async def test_an_interaction_carries_its_member_room_and_language():
    async with Discord() as kit:
        guild = kit.guild("Volpi", locale="it", tier=3)
        room = kit.text(guild, "animazioni")
        mia = kit.person("mia", guild, locale="it")
        kit.deny(room, "attach_files")
        body = payload(kit.world, begin(kit.world, 2, mia.user, room, {"id": "1", "name": "x", "type": 1}))
        member = {key: value for key, value in body["member"].items() if key != "permissions"}
        assert faults("GuildMemberResponse", member) == []
        assert (body["locale"], body["guild_locale"], body["context"]) == ("it", "it", 0)
        assert body["attachment_size_limit"] == 100 * 1024 * 1024
        attach = 1 << 15
        assert (int(body["app_permissions"]) & attach, int(body["member"]["permissions"]) & attach) == (0, attach)
        private = payload(kit.world, begin(kit.world, 2, mia.user, mia.dm(), {"id": "1", "name": "x", "type": 1}))
        assert ("member" in private, private["user"]["id"], private["context"]) == (False, str(mia.id), 1)
