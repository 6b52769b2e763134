"""What a message is to show, read from a call's parameters."""

from __future__ import annotations

from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from chatkit.telegram import entities, limits, probing
from chatkit.telegram.model import Content, Media, Upload
from chatkit.telegram.payloads import user_json
from chatkit.telegram.refusals import broken_rule

if TYPE_CHECKING:
    from chatkit.telegram.model import Call, Json, StoredFile
    from chatkit.telegram.world import World

ATTACH = "attach://"
PERSON = "tg://user?id="


def text_of(world: World, given: Json) -> tuple[str, tuple[Json, ...]]:
    """A message's text. Raises Refusal."""
    text, marked = entities.parse(given["text"], given.get("parse_mode"), given.get("entities"))
    limits.check_text(text)
    return text, _with_people(world, marked)


def caption_of(world: World, given: Json) -> tuple[str, tuple[Json, ...]]:
    """The caption in a call's parameters or in an InputMedia. Raises Refusal."""
    text, marked = entities.parse(given.get("caption") or "", given.get("parse_mode"), given.get("caption_entities"))
    limits.check_caption(text)
    return text, _with_people(world, marked)


def keyboard_of(call: Call) -> Json | None:
    """The inline keyboard; other keyboards stand under the chat, not in the message."""
    markup = call.get("reply_markup")
    limits.check_keyboard(markup)
    return markup if markup and markup.get("inline_keyboard") else None


def media_of(world: World, call: Call, kind: str, source: str, *, spoiler: bool = False) -> Media:
    """The file that `source` names: an upload, a file_id, or to a local server a path. Raises Refusal."""
    local = world.files.local_folder is not None
    if source.startswith(ATTACH):
        upload = call.uploads[source.removeprefix(ATTACH)]
    elif source.startswith("file://") and local:
        path = Path(url2pathname(urlsplit(source).path))
        upload = Upload("", path.name, guess_type(path.name)[0] or "", path.read_bytes())
    elif source.startswith(("http://", "https://", "file://")):
        raise broken_rule(f"failed to get HTTP URL content: the stand-in does not fetch {source}")
    else:
        upload = None
    if upload is None:
        media = world.files.known_media(kind, source)
    else:
        limits.check_upload(kind, len(upload.data), unlimited=local)
        media = world.files.media(kind, upload.data, name=upload.filename, mime=upload.mime)
    media.spoiler = spoiler
    return media


def thumbnail_of(world: World, call: Call, source: str) -> StoredFile:
    """The still that stands for a film until it plays. Telegram ignores a wrong one in silence; here it is refused."""
    upload = call.uploads[source.removeprefix(ATTACH)]
    still = probing.photo_sizes(upload.data)[-1]
    if not upload.data.startswith(b"\xff\xd8"):
        raise broken_rule("a thumbnail that is no JPEG")
    if max(still.width, still.height) > limits.THUMBNAIL_SIDE_MAX or len(upload.data) > limits.THUMBNAIL_BYTES_MAX:
        raise broken_rule(f"a thumbnail of {still.width}x{still.height} and {len(upload.data)} bytes")
    return world.files.add("photo", upload.data, width=still.width, height=still.height)


def content_of(world: World, call: Call, kind: str) -> Content:
    """Everything a send method of this kind asks to be shown. Raises Refusal."""
    markup = keyboard_of(call)
    if kind == "text":
        text, marked = text_of(world, call.params)
        return Content(text, marked, None, markup)
    text, marked = caption_of(world, call.params)
    media = media_of(world, call, kind, call.params[kind], spoiler=bool(call.get("has_spoiler")))
    return Content(text, marked, media, markup)


def _with_people(world: World, entities: tuple[Json, ...]) -> tuple[Json, ...]:
    """Links to `tg://user?id=…` become mentions of people whom the bot can know, and nothing for others."""
    shown: list[Json] = []
    for entity in entities:
        address = entity.get("url", "")
        if not address.startswith(PERSON):
            shown.append(entity)
        elif (number := address.removeprefix(PERSON)).isdigit() and int(number) in world.people:
            user = user_json(world.people[int(number)])
            shown.append({"type": "text_mention", "offset": entity["offset"], "length": entity["length"], "user": user})
    return tuple(shown)
