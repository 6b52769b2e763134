"""Forms: "Animate this picture" and "Other words". A form that comes back is read from its own bytes, not from memory.

Only the pictures' addresses are remembered between the two: they are too long for a form, and without the message
content intent the message cannot be read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import discord
import yarl

from bot.discord.animate import Upload, Wish, animate, upload_of
from bot.discord.answers import first_answer, guarded, reply, words_of
from bot.discord.front import Front
from bot.discord.permissions import Interaction, check_interaction
from bot.discord.uploads import is_discords
from bot.intake import clean_text
from bot.wording.isolate import isolated
from bot.wording.table import Table
from bot.wording.views import editable
from storage.errors import RequestRejected
from storage.jobs import Status

FORM_ID = "fb:form:"
EDIT_ID = "fb:words:"
OPEN_S = 900.0
"""The library forgets a form after this; so does Discord."""
OFFERS_MAX = 2000
PICTURES_MAX = 25
"""Options of one list."""
PROMPT_CHARS_MAX = 4000
"""Of a text field."""
SECONDS_CHARS_MAX = 12
LABEL_CHARS_MAX = 100
FILE_NAME_CHARS = 70
NAMELESS = "–"


class Offers:
    """Pictures of messages whose form is open, by the interaction that opened it."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[str, Sequence[Upload]] = OrderedDict()

    def keep(self, key: str, pictures: Sequence[Upload]) -> None:
        self._pictures[key] = pictures
        while len(self._pictures) > OFFERS_MAX:
            self._pictures.popitem(last=False)

    def pictures(self, key: str) -> Sequence[Upload]:
        """Empty where nothing is known: the bot has started since."""
        return self._pictures.get(key, ())


async def open_form(front: Front, offers: Offers, interaction: Interaction, message: discord.Message) -> None:
    """Ask for the words, and for the picture where the message has several."""
    async with guarded(interaction, front.clock):
        words = words_of(interaction)
        check_interaction(interaction, words)
        pictures = pictures_in(message)
        if not pictures:
            raise RequestRejected(words.discord.no_pictures, field="picture")
        key = str(interaction.id)
        offers.keep(key, pictures)
        own = words.discord
        form = discord.ui.Modal(title=own.form_title, custom_id=FORM_ID + key, timeout=OPEN_S)
        if len(pictures) > 1:
            form.add_item(_labelled(own.form_picture, _picture_list(words, pictures)))
        prompt = discord.ui.TextInput[discord.ui.Modal](
            custom_id="prompt",
            style=discord.TextStyle.paragraph,
            max_length=min(PROMPT_CHARS_MAX, front.settings.intake.prompt_chars_max),
        )
        form.add_item(_labelled(own.form_prompt, prompt))
        seconds = discord.ui.TextInput[discord.ui.Modal](
            custom_id="seconds",
            required=False,
            max_length=SECONDS_CHARS_MAX,
            default=_seconds_offered(front),
        )
        form.add_item(_labelled(own.form_seconds, seconds))
        await first_answer(interaction, partial(interaction.response.send_modal, form))


async def form_sent(front: Front, offers: Offers, interaction: Interaction, key: str) -> None:
    """The filled form → the same way as the command."""
    pictures = offers.pictures(key)
    if not pictures:
        await reply(interaction, words_of(interaction).discord.form_forgotten)
        return
    fields = fields_of(interaction)
    chosen = fields.get("picture", "0")
    number = int(chosen) if chosen.isdecimal() else len(pictures)
    if number >= len(pictures):
        await reply(interaction, words_of(interaction).discord.forged)
        return
    seconds = fields.get("seconds")
    if seconds == _seconds_offered(front):
        # Left as the form came: then a length among the words counts.
        seconds = None
    wish = Wish(picture=pictures[number], prompt=fields.get("prompt", ""), seconds=seconds)
    await animate(front, interaction, wish)


async def open_words(front: Front, interaction: Interaction, status: Status) -> None:
    """Ask for other words; the present ones are filled in."""
    own = words_of(interaction).discord
    most = min(PROMPT_CHARS_MAX, front.settings.intake.prompt_chars_max)
    form = discord.ui.Modal(
        title=own.edit_title.format(request_id=status.request_id),
        custom_id=f"{EDIT_ID}{status.request_id}",
        timeout=OPEN_S,
    )
    prompt = discord.ui.TextInput[discord.ui.Modal](
        custom_id="prompt",
        style=discord.TextStyle.paragraph,
        max_length=most,
        default=editable(words_of(interaction), status.params)[:most],
    )
    form.add_item(_labelled(own.form_prompt, prompt))
    await first_answer(interaction, partial(interaction.response.send_modal, form))


def pictures_in(message: discord.Message) -> list[Upload]:
    """What may be a picture in a message, also in a forwarded one: files, stickers, and what links show.

    Their bytes decide later; what says that it is a picture comes first.
    """
    found: list[Upload] = []
    for part in (message, *message.message_snapshots):
        claims = sorted(part.attachments, key=lambda file: not (file.content_type or "").startswith("image/"))
        found += [upload_of(file) for file in claims]
        found += [_of_sticker(it) for it in part.stickers if it.format is not discord.StickerFormatType.lottie]
        found += [upload for embed in part.embeds if (upload := _of_embed(embed)) is not None]
    return list({upload.url: upload for upload in found}.values())[:PICTURES_MAX]


def _of_sticker(sticker: discord.StickerItem) -> Upload:
    return Upload(url=sticker.url, name=sticker.name, size=None)


def _of_embed(embed: discord.Embed) -> Upload | None:
    """The picture that a link or an embed shows, as Discord's own servers have it; None where they do not."""
    for shown in (embed.image, embed.thumbnail):
        for address in (shown.url, shown.proxy_url):
            if address is not None and is_discords(address):
                name = yarl.URL(shown.url or address).name
                return Upload(url=address, name=name or NAMELESS, size=None)
    return None


def fields_of(interaction: Interaction) -> dict[str, str]:
    """The values of a form's fields by their custom_id, wherever they stand."""
    data = cast(Mapping[str, Any], interaction.data or {})
    return dict(_values(data.get("components", ())))


def _seconds_offered(front: Front) -> str:
    return f"{front.settings.film.seconds_default:g}"


def _values(components: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    for component in components:
        if "component" in component:
            yield from _values((component["component"],))
        elif "components" in component:
            yield from _values(component["components"])
        elif "custom_id" in component:
            chosen: Sequence[Any] = component.get("values") or (component.get("value", ""),)
            yield str(component["custom_id"]), str(chosen[0] if chosen[0] is not None else "")


def _picture_list(words: Table, pictures: Sequence[Upload]) -> discord.ui.Select[discord.ui.Modal]:
    options = [
        discord.SelectOption(
            label=words.discord.form_picture_number.format(
                number=place + 1, name=isolated(clean_text(picture.name)[:FILE_NAME_CHARS])
            )[:LABEL_CHARS_MAX],
            value=str(place),
            default=place == 0,
        )
        for place, picture in enumerate(pictures)
    ]
    return discord.ui.Select(custom_id="picture", options=options)


def _labelled(text: str, component: discord.ui.Item[discord.ui.Modal]) -> discord.ui.Label[discord.ui.Modal]:
    return discord.ui.Label(text=text, component=component)
