"""What Telegram sends, handed to whoever answers it."""

from __future__ import annotations

import logging

from telegram import Message, Update

from bot.telegram.animate import animate, film_asked_about, reroll_with_words
from bot.telegram.buttons import give_up, press
from bot.telegram.commands import COMMANDS, start
from bot.telegram.front import Front, Spot, guarded, message_idem, ref, say, spot_of
from bot.telegram.reactions import Reactions
from bot.telegram.reading import read_command
from bot.telegram.talk import Talk

log = logging.getLogger(__name__)


class Updates:
    """Of one connection. Each call returns when all that the update asks for is committed or refused."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._reactions = Reactions(front)
        self._talk = Talk(front)

    async def handle(self, update: Update) -> None:
        if update.message is not None:
            await self._message(update.message)
        elif update.channel_post is not None:
            await self._talk.in_channel(update.channel_post)
        elif update.callback_query is not None:
            await press(self._front, update.callback_query)
        elif update.message_reaction is not None:
            await self._reactions.changed(update.message_reaction, update.update_id)
        elif update.my_chat_member is not None:
            self._front.standing.forget(update.my_chat_member.chat.id)

    async def give_up(self, update: Update, *, late: bool) -> None:
        if update.callback_query is not None:
            await give_up(self._front, update.callback_query, late=late)
        elif update.message is not None:
            await self._give_up(update.message, late=late)

    async def _give_up(self, message: Message, *, late: bool) -> None:
        front, user = self._front, message.from_user
        if user is None or user.is_bot or message.sender_chat is not None:
            return
        spot = spot_of(message, user)
        replied = message.reply_to_message
        to_us = replied is not None and replied.from_user is not None and replied.from_user.id == front.bot.id
        if not (spot.private or to_us or read_command(message, front.bot.username) is not None):
            # Talk in a group: nobody has asked for anything.
            return
        if not await front.desk.accepted(message_idem(front.bot.id, message)):
            own = spot.words.telegram
            await say(front, spot, own.took_too_long if late else own.given_up)

    async def _message(self, message: Message) -> None:
        front = self._front
        front.orphans.seen(message.chat.id, message.message_id)
        if message.migrate_to_chat_id is not None:
            await front.chat.moved(str(message.chat.id), str(message.migrate_to_chat_id))
            return
        if message.migrate_from_chat_id is not None:
            await front.chat.moved(str(message.migrate_from_chat_id), str(message.chat.id))
            return
        user = message.from_user
        if user is None or message.is_automatic_forward:
            return
        command = read_command(message, front.bot.username)
        spot = spot_of(message, user)
        if message.via_bot is not None and (command is not None or not spot.private):
            # Another bot's words. In private, what apps find as a GIF comes so too.
            return
        if message.sender_chat is not None:
            # A channel, or an admin who hides behind the group: Telegram puts a bot of its own in their place.
            if command is not None and command.name == "animate":
                await say(front, spot, spot.words.telegram.anonymous)
            return
        if user.is_bot:
            return
        async with guarded(front, spot):
            if command is None:
                await self._words(spot, message)
            elif command.name == "animate":
                await animate(front, spot, message, command.rest)
            elif command.name == "start":
                await start(front, spot, message, command.rest)
            elif (run := COMMANDS.get(command.name)) is not None:
                await run(front, spot, message, command.rest)
            elif spot.private or command.addressed:
                await self._talk.unknown(spot, command)

    async def _words(self, spot: Spot, message: Message) -> None:
        """A message without a command: other words for a film, where it replies to one; a wish, in private; or talk."""
        film_id = await self._film(spot, message)
        if film_id is not None and message.text:
            await reroll_with_words(self._front, spot, message, film_id, message.text)
        elif spot.private:
            await self._talk.in_private(spot, message)

    async def _film(self, spot: Spot, message: Message) -> int | None:
        """The film that a message replies to with other words."""
        front = self._front
        replied = message.reply_to_message
        if replied is None or replied.from_user is None or replied.from_user.id != front.bot.id:
            return None
        film_id = film_asked_about(front, replied)
        if film_id is None and spot.private:
            # In a group people talk about a film by replying to it; nobody else is here.
            film_id = await front.desk.request_of(ref(spot.chat_id, replied.message_id))
        return film_id
