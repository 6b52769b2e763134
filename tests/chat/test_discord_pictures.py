"""Every row of the terminal's table of pictures and words, sent on Discord: it works, or one sentence says why not."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from botkit.house import png
from chatkit.discord import CannotDo, Discord
from chatkit.discord.command_limits import takes_file
from chatkit.discord.model import walk
from discordkit.site import Site, fox, member, settings_for, site
from PIL import Image

from storage.jobs import JobState
from storage.settings import EngineSettings, FilmSettings


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with Discord() as kit, site(tmp_path / "data", kit) as found:
        yield found
        assert kit.unanswered() == []


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(mode: str, side: int = 64) -> Image.Image:
    return Image.new("RGB", (side, side), (200, 90, 30)).convert(mode)


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.new("RGB", (96, 64), (200, 90, 30)), "JPEG", exif=exif)


def see_through() -> bytes:
    image = plain("P")
    image.info["transparency"] = 0
    return saved(image, "PNG", transparency=0)


def moving() -> bytes:
    return saved(plain("RGB"), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 64), "blue")])


def bomb() -> bytes:
    """30000 x 30000 pixels in a few bytes."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunks = (header, b"IDAT" + zlib.compress(bytes(100_000)), b"IEND")
    framed = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


TAKEN = {
    "cmyk.jpg": saved(plain("CMYK"), "JPEG"),
    "deep.png": saved(Image.new("I;16", (64, 64), 40_000), "PNG"),
    "palette.png": see_through(),
    "turned.jpg": turned(),
}
REFUSED = {
    "words.png": (b"this is not a picture at all\n" * 10, "text"),
    "half.jpg": (saved(Image.effect_noise((200, 200), 80).convert("RGB"), "JPEG")[:9000], "damaged or cut off"),
    "dot.png": (png(side=1), "1x1"),
    "bomb.png": (bomb(), "30000x30000 pixels"),
    "phone.jpg": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "JPEG or PNG"),
}


@pytest.mark.parametrize("name", TAKEN)
async def test_pictures_of_every_kind_are_taken(here: Site, name: str) -> None:
    await here.asked(image=fox(TAKEN[name], name))
    params = (await here.status()).params
    with Image.open(here.work.media.path(params.picture)) as kept:
        assert (kept.mode, kept.size) == ("RGB", (64, 96) if name == "turned.jpg" else (64, 64))


async def test_of_an_animation_the_first_frame_is_taken_and_its_member_is_told(here: Site) -> None:
    asked = here.ask(image=fox(moving(), "fox.gif"))
    await here.shows(await here.kit.answer(asked), "🎬")
    (told,) = await here.kit.until(lambda: asked.followups)
    assert "first frame" in told.content
    assert told.only_for is here.mia.user


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("option", ["image", "end_image"])
async def test_what_is_no_picture_is_refused_with_a_reason(here: Site, name: str, option: str) -> None:
    content, says = REFUSED[name]
    answer = await here.kit.answer(here.ask(**{option: fox(content, name)}))
    assert says in answer.content
    assert ("end picture" in answer.content) is (option == "end_image")
    assert await here.work.store.queue(limit=10) == []
    assert (await here.desk.allowance(member(here.mia), str(here.guild.id))).left_ms == 120_000


@pytest.mark.parametrize("words", ["\u200b\u200b", " ", "\u202e\u2066"])
async def test_words_that_nobody_sees_become_the_default_motion(here: Site, words: str) -> None:
    await here.asked(prompt=words)
    assert (await here.status()).params.prompt == FilmSettings().prompt_default


@pytest.mark.parametrize(("nick", "name"), [("Mia\u202e\u2066x", "Miax"), ("\u200b\u202e", "#{id}"), ("מיה", "מיה")])
async def test_a_name_turns_nothing_around(here: Site, nick: str, name: str) -> None:
    here.guild.members[here.mia.id].nick = nick
    status = await here.asked(prompt="השועל")
    assert "“\u2068השועל\u2069” · 2.4 s" in status.content
    name = name.format(id=here.mia.id)
    assert (await here.status()).member.name == name
    here.mia.react(status, "❌")
    await here.shows(status, "by \u2068מיה\u2069." if name == "מיה" else f"by {name}.")


async def test_as_many_words_as_discord_sends_are_refused_in_private(here: Site) -> None:
    asked = here.ask(prompt="x" * 6000)
    assert "6000 characters" in (await here.kit.answer(asked)).content
    assert asked.ephemeral


async def test_an_end_picture_where_the_host_draws_forward(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "data").model_copy(update={"engine": EngineSettings(model="framepack-f1")})
    async with Discord() as kit, site(tmp_path / "data", kit, settings=settings) as here:
        asked = here.ask(end_image=fox(name="end.png"))
        assert "leave it out" in (await kit.answer(asked)).content
        assert asked.ephemeral
        await here.asked()
        assert (await here.status()).state is JobState.QUEUED


MENU = "Animate this picture"


def linked(picture: str | None, link: str = "https://example.org/den/fox.png") -> dict[str, object]:
    """What Discord makes of a link to a picture: `picture` is where its own servers have it."""
    shown = {"url": link, "width": 64, "height": 64} | ({} if picture is None else {"proxy_url": picture})
    return {"type": "image", "url": link, "thumbnail": shown}


async def test_a_picture_that_a_link_shows_is_taken_from_discords_servers(here: Site) -> None:
    said = here.ben.say(here.room, "look: https://example.org/den/fox.png")
    said.embeds = [linked(here.kit.world.add_file("fox.png", png()).url)]
    opened = await here.kit.acknowledged(here.mia.menu(said, MENU))
    await here.shows(await here.kit.answer(here.mia.submit(opened, prompt="the fox", seconds="2.4")), "🎬")


async def test_a_sticker_is_a_picture(here: Site) -> None:
    said = here.ben.say(here.room, "!")
    said.stickers = [{"id": "7", "name": "fox", "format_type": 1}]
    opened = await here.kit.acknowledged(here.mia.menu(said, MENU))
    assert opened.modal


@pytest.mark.parametrize(
    "embed",
    [
        linked(None),
        linked(None, "http://127.0.0.1:9/fox.png"),
        linked("http://127.0.0.1:9/fox.png"),
        linked("https://cdn.discordapp.com.example.org/fox.png"),
        linked("https://cdn.discordapp.com@example.org/fox.png"),
        linked("file:///etc/passwd"),
        linked("https://cdn.discordapp.com:9/fox.png"),
        linked("//[fox"),
    ],
)
async def test_no_other_address_is_ever_asked_for_a_picture(here: Site, embed: dict[str, object]) -> None:
    said = here.ben.say(here.room, "look")
    said.embeds = [embed]
    answer = await here.kit.answer(here.mia.menu(said, MENU))
    assert "no picture in this message" in answer.content
    assert answer.only_for is here.mia.user


async def test_a_file_without_a_known_type_is_offered_last(here: Site) -> None:
    said = here.ben.say(here.room, "", fox(b"words", "notes"), fox(name="fox.png"))
    opened = await here.kit.acknowledged(here.mia.menu(said, MENU))
    assert opened.modal
    menu = next(part for part in walk(opened.modal["components"]) if part.get("custom_id") == "picture")
    assert ["fox.png" in menu["options"][0]["label"], "notes" in menu["options"][1]["label"]] == [True, True]


async def test_the_file_chooser_offers_pictures(here: Site) -> None:
    command = next(it for it in here.kit.world.commands.values() if it.name == "animate")
    types = {option["name"]: option["file_types"] for option in command.body["options"] if option["type"] == 11}
    assert types.keys() == {"image", "end_image"}
    for name in ("fox.png", "fox.JPG", "fox.tif", "fox.mp4"):
        assert takes_file({"file_types": types["image"]}, name)
    with pytest.raises(CannotDo):
        here.ask(image=fox(name="fox.docx"))
