"""A channel of the stand-in as a page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import av
import pytest
from chatkit.discord import Discord, File, page_of
from chatkit.discord.messages import Upload, create
from chatkit.discord.transcript import marked_up
from chatkit.page import page
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def kit() -> AsyncIterator[Discord]:
    async with Discord() as kit:
        yield kit
        assert kit.problems() == []


def film() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for n in range(6):
            picture = Image.new("RGB", (96, 64), (255, 40 * n, 0))
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    return buffer.getvalue()


async def test_a_page_shows_what_a_member_sees(kit: Discord):
    guild = kit.guild("Foxes")
    room = kit.text(guild, "animations")
    mia, theo = kit.person("mia", guild), kit.person("theo", guild)
    bot = kit.world.bot
    mia.say(room, "look: <b>my</b> fox", File("fox.png", _png()))
    row = {"type": 1, "components": [{"type": 2, "style": 4, "label": "Cancel", "custom_id": "cancel:1"}]}
    body = {
        "content": f"✨ {mia.mention}: **done**",
        "components": [row],
        "attachments": [{"id": 0, "filename": "fox.mp4"}],
    }
    done = create(kit.world, room, bot, body, {"files[0]": Upload("fox.mp4", film())})
    theo.react(done, "🔁")
    secret = create(kit.world, room, bot, {"content": "not for mia"})
    secret.only_for = theo.user

    html = page_of(room, mia)

    assert "look: &lt;b&gt;my&lt;/b&gt; fox" in html
    assert '✨ <span class="mention">@mia</span>: <b>done</b>' in html
    assert '<button class="danger">Cancel</button>' in html
    assert "🔁 1" in html
    assert 'class="line mentioned"' in html
    assert html.count("<img") == 2, "a picture, and a film's still"
    assert "not for mia" not in html
    assert not re.search(r"(src|href)=\"(?!data:)", html), "nothing from outside"


async def test_markdown_that_was_escaped_stays_as_it_was_written(kit: Discord):
    room = kit.text(kit.guild("Foxes"), "animations")
    assert marked_up("**bold** _thin_ `a*b*`", room) == "<b>bold</b> <i>thin</i> <code>a*b*</code>"
    assert "<b>" not in marked_up(r"\*\*not bold\*\*", room)
    assert marked_up("<@1> @everyone", room) == '<span class="mention">@unknown-user</span> @everyone'


def test_an_unknown_skin_is_refused():
    with pytest.raises(ValueError, match="irc"):
        page("room", [], skin="irc")


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (48, 32), "orange").save(buffer, "PNG")
    return buffer.getvalue()
