"""A stand-in for Telegram's Bot API on loopback, for the real python-telegram-bot to talk to.

    from chatkit.telegram import Standing, TelegramKit, faults, samples

    async def test_a_photo_with_a_caption_becomes_a_film():
        async with TelegramKit.open() as kit:
            mia, leo = kit.person("Mia", language="it"), kit.person("Leo")
            cave = kit.group("Cave", leo, mia)                  # the first one owns it
            builder = ApplicationBuilder().token(kit.token).base_url(kit.base_url).base_file_url(kit.base_file_url)
            ...                                                 # start the bot, in this process or in another
            await kit.listening()                               # it polls, or has set its webhook

            mia.sends_photo(cave, samples.picture(640, 480), caption="/animate the fox turns its head")
            film = await kit.until(lambda: next((m for m in cave.from_bot if m.kind == "animation"), None))
            assert "the fox" in film.text                       # a caption is a text
            click = leo.clicks(film, "reroll")                  # any part of the button's label
            await kit.until(lambda: click.answer)               # answerCallbackQuery's parameters
            mia.reacts(film, "⚡")                              # reaches the bot where it is an admin

            assert kit.problems() == []

**People** (`kit.person`): `says`, `sends_photo`, `sends_document`, `sends_album`, `sends_sticker`, `sends_video`,
`sends_gif`, `sends_voice`, `edits`, `deletes`, `starts`, `clicks`, `sends_data` (forged callback data), `reacts`,
`blocks`, `unblocks`, `kicks_bot`. What they write takes `reply_to=`, `topic=`, `as_chat=` (the group itself: an
anonymous admin; a channel: in its name). Deeds return what they made, at once; the updates are then on their way. What
nobody could do on Telegram raises `CannotDo`.

**Places**: `kit.group`, `kit.supergroup` (with topics), `kit.channel`, `mia.private`; `kit.set_standing(chat, kit.bot,
Standing.ADMIN)` or `Standing.RESTRICTED` with `without={"can_send_photos"}`; `kit.upgrade(group)` is the migration to a
supergroup.

**What stands there**: `chat.shown`, `chat.from_bot`; a message has `text`, `kind`, `media`, `buttons`, `reply_to`,
`past` (what it showed before), `reactions`, `deleted`. Also `kit.calls`, `kit.called("sendMessage", chat)`,
`kit.unanswered()`, `kit.commands()`.

**Misfortune**: `kit.faults.add(faults.bad_gateway("editMessageMedia", after_work=True))`, likewise `silence`, `abort`,
`flood_wait`, `conflict`, `refuse`, each with `times`, `skip`, `chat_id`, `only`;
`kit.faults.downloads.append(Download.ENDLESS)`; `kit.feed.redeliver()`; `file.expired`, `click.expired`; what happens
inside `with kit.ago(3600):` is that old. To kill a bot in the middle of a call, let `silence` hold it there.

**Flood limits**: none unless `TelegramKit.open(flood=FloodLimits())` or figures of a test's own; a budget that is
exceeded is a 429 and a problem. `kit.flood.busiest(chat.id, seconds=60)` is what a bench reports.

**Showing**: `page_of(cave, mia)` is what she sees there as an HTML page. `python -m chatkit.telegram` (with `tests` on
the path) runs the stand-in as a program of its own and says what to put into the bot's settings.

Every request and every answer is held against the published document (see chatkit/specs.py) and against the rules that
it tells in prose only; `kit.problems()` lists every one that was broken. Refusals that a careful bot may meet too (not
modified, message gone, blocked, no rights, moved) are answers, not problems.
"""

from chatkit.telegram import faults, samples
from chatkit.telegram.faults import Download
from chatkit.telegram.flood import UNLIMITED, Budget, FloodLimits
from chatkit.telegram.kit import PATIENCE_S, TelegramKit
from chatkit.telegram.model import Chat, Click, Message, Standing
from chatkit.telegram.people import CannotDo, Person
from chatkit.telegram.transcript import page_of

__all__ = [
    "PATIENCE_S",
    "UNLIMITED",
    "Budget",
    "CannotDo",
    "Chat",
    "Click",
    "Download",
    "FloodLimits",
    "Message",
    "Person",
    "Standing",
    "TelegramKit",
    "faults",
    "page_of",
    "samples",
]
