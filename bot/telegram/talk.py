"""What is said to the bot without a command of its own: a wish, or one line that says what would be one."""

from __future__ import annotations

from difflib import get_close_matches

from telegram import Message

from bot.telegram.animate import animate
from bot.telegram.commands import COMMANDS
from bot.telegram.front import PLATFORM, Front, Spot, say
from bot.telegram.reading import Command, read_command
from bot.telegram.text import Told, inert
from bot.telegram.uploads import other_media, upload_in
from bot.throttle import Throttle
from storage.errors import RequestRejected
from storage.jobs import Member

KNOWN = ("animate", "start", *COMMANDS)
CHANNEL_EVERY_S = 86_400.0
"""Between two answers in one channel: all its readers see them."""
REMEMBERED_MAX = 1_000
"""Channels that were answered, albums of which something was said."""
COMMAND_CHARS_MAX = 32


class Talk:
    """Of one connection."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._channels = Throttle[int](CHANNEL_EVERY_S, keys_max=REMEMBERED_MAX)
        self._albums = Throttle[str](float("inf"), keys_max=REMEMBERED_MAX)

    async def in_private(self, spot: Spot, message: Message) -> None:
        """Everything there is meant for the bot: a picture with words is a wish. Raises FlipbookError."""
        own = spot.words.telegram
        replied = message.reply_to_message
        if upload_in(message) is not None:
            # What is passed on brings the words of somebody else, who wished for nothing.
            if message.caption and message.forward_origin is None:
                self._said_of_album(message)
                await animate(self._front, spot, message, message.caption)
            elif not self._said_of_album(message):
                await say(self._front, spot, Told(own.picture_alone))
        elif (refused := other_media(message, spot.words)) is not None:
            raise RequestRejected(refused, field="picture")
        elif message.text and replied is not None and upload_in(replied) is not None:
            await animate(self._front, spot, message, message.text)
        elif message.text or message.effective_attachment is not None:
            # A place, a contact, a poll: service messages have no attachment, and nobody has said anything by them.
            await say(self._front, spot, Told(own.words_alone))

    async def unknown(self, spot: Spot, command: Command) -> None:
        """A command that is none: the one that was meant, as far as the letters tell."""
        own = spot.words.telegram
        shown = inert("/" + command.name[:COMMAND_CHARS_MAX])
        meant = next(iter(get_close_matches(command.name[:COMMAND_CHARS_MAX], KNOWN, n=1)), None)
        if meant is None:
            await say(self._front, spot, Told(own.unknown_command.format(command=shown)))
        else:
            told = own.mistyped_command.format(command=shown, meant=f"/{meant}")
            await say(self._front, spot, Told(told))

    async def in_channel(self, post: Message) -> None:
        """A command in a channel, where nobody can be charged. What else is posted there is not for the bot."""
        command = read_command(post, self._front.bot.username)
        if command is None or command.name not in KNOWN:
            return
        chat_id = post.chat.id
        if not self._channels.take(chat_id):
            return
        nobody = Member(platform=PLATFORM, user_id="0", name="", locale="")
        spot = Spot(member=nobody, chat_id=chat_id, topic=None, message_id=post.message_id)
        await say(self._front, spot, spot.words.telegram.in_channel)

    def _said_of_album(self, message: Message) -> bool:
        """Whether another picture of the same album was answered; from now on, this one was."""
        album = message.media_group_id
        return album is not None and not self._albums.take(album)
