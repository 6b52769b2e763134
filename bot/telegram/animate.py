"""`/animate`: from a message to a request. Everything that can be refused without the picture is refused first."""

from __future__ import annotations

from dataclasses import replace

from telegram import ForceReply, Message, MessageEntity

from bot.chat import Incoming
from bot.desk import Asker
from bot.telegram.front import Front, Spot, message_idem, ref, say
from bot.telegram.origin import Origin, read_origin
from bot.telegram.text import TEXT_CHARS_MAX, Told, calling, utf16
from bot.telegram.uploads import Upload, other_media, upload_in
from storage.errors import RequestRejected
from storage.jobs import Status

EDIT = "edit"


async def animate(front: Front, spot: Spot, message: Message, rest: str) -> None:
    """`rest`: what follows the command. Raises FlipbookError, which the caller says to the member."""
    words = spot.words
    replied = message.reply_to_message
    upload = upload_in(message)
    refused = other_media(message, words)
    if upload is None and refused is None and replied is not None:
        film_id = await _film_in(front, replied)
        if film_id is not None and rest:
            await reroll_with_words(front, spot, message, film_id, rest)
            return
        upload = upload_in(replied)
        refused = other_media(replied, words)
    if upload is None:
        if refused is not None:
            raise RequestRejected(refused, field="picture")
        await say(front, spot, Told(words.telegram.animate_help))
        return
    spoiler = bool(message.has_media_spoiler or (replied is not None and replied.has_media_spoiler))
    await _submit(front, spot, message, upload, rest, spoiler=spoiler)


async def reroll_with_words(front: Front, spot: Spot, message: Message, film_id: int, prompt: str) -> None:
    """A reply to a film with other words, or with options alone."""
    await front.standing.check_here(spot.chat_id, spot.words)
    parent = await front.desk.status(film_id)
    asker = Asker(
        member=spot.member,
        place=spot.place,
        idem=message_idem(front.bot.id, message),
        origin=origin_of(parent, spot).text(),
    )
    accepted = await front.desk.reroll(film_id, asker, prompt=prompt)
    if accepted.notes:
        await say(front, spot, "\n".join(accepted.notes))


async def ask_for_words(front: Front, spot: Spot, film_id: int) -> None:
    """✏️: a message that is to be replied to. Which film it is about stands in a link of it, so that a bot that has

    been started since knows it too; nobody else can write such a message in the bot's name.
    """
    own = spot.words.telegram
    label = own.edit_film.format(request_id=film_id)
    told = calling(own.edit_ask, spot.member, chars_max=TEXT_CHARS_MAX, film=label)
    start = told.text.rfind(label)
    link = MessageEntity(
        MessageEntity.TEXT_LINK,
        offset=utf16(told.text[:start]),
        length=utf16(label),
        url=f"https://t.me/{front.bot.username}?start={EDIT}{film_id}",
    )
    markup = ForceReply(selective=True, input_field_placeholder=own.edit_placeholder)
    await say(front, spot, Told(told.text, (*told.entities, link)), markup=markup)


def film_asked_about(front: Front, message: Message) -> int | None:
    """The film that a message of ours asks words for."""
    if message.from_user is None or message.from_user.id != front.bot.id:
        return None
    mark = f"?start={EDIT}"
    for entity in message.entities:
        _, found, number = (entity.url or "").partition(mark)
        if found and number.isdecimal() and len(number) <= 18:
            return int(number)
    return None


def origin_of(parent: Status, spot: Spot) -> Origin:
    """Of a request that comes from a film: the same photo, as an answer to who asks now."""
    known = read_origin(parent.origin)
    return Origin(photo=known.photo, topic=spot.topic, reply_to=spot.message_id, chat=spot.chat_id)


async def _film_in(front: Front, message: Message) -> int | None:
    """The film that a message of ours shows."""
    if message.from_user is None or message.from_user.id != front.bot.id:
        return None
    return await front.desk.request_of(ref(message.chat.id, message.message_id))


async def _submit(front: Front, spot: Spot, message: Message, upload: Upload, text: str, *, spoiler: bool) -> None:
    words = spot.words
    origin = Origin(
        photo=upload.file_id if upload.photo else "",
        topic=spot.topic,
        reply_to=message.message_id,
        chat=spot.chat_id,
    )
    incoming = Incoming(
        idem=message_idem(front.bot.id, message),
        member=spot.member,
        place=spot.place,
        picture=b"",
        prompt=text,
        spoiler=spoiler,
        origin=origin.text(),
    )
    front.uploads.check_claims(upload, words)
    await front.standing.check_here(spot.chat_id, words)
    await front.desk.check(incoming)
    # Held until the picture is on the disk and committed: so many are in memory, and no more.
    async with front.uploads.turn(spot.member.user_id):
        picture = await front.uploads.fetch(upload, words)
        accepted = await front.desk.submit(replace(incoming, picture=picture))
    notes = list(accepted.notes)
    if message.media_group_id is not None and upload_in(message) is not None:
        notes.append(words.telegram.album_note)
    if notes:
        await say(front, spot, "\n".join(notes))
