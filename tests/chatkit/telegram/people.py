"""What people do: every deed of a person becomes the updates that the bot would get."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chatkit.telegram import entities, limits, samples
from chatkit.telegram.model import Click, Content, Media, Membership, Standing
from chatkit.telegram.payloads import chat_json, click_json, message_json, user_json
from chatkit.telegram.world import CHANNEL_BOT, GROUP_ANONYMOUS_BOT

if TYPE_CHECKING:
    from chatkit.telegram.model import Chat, Message, User
    from chatkit.telegram.world import World


class CannotDo(Exception):
    """A test asked for what Telegram's clients do not let anybody do."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody with a Telegram client; another bot where `user.is_bot` (its messages reach the tested bot as anyone's).

    Where a deed takes `as_chat`, it is done in a chat's name: the group itself (an anonymous admin) or a channel.
    """

    user: User
    private: Chat
    """The chat with the tested bot."""
    _world: World

    @property
    def id(self) -> int:
        return self.user.id

    # Writing

    def says(self, chat: Chat, text: str, **how: Any) -> Message:
        """how: reply_to (a Message), topic (a thread id), as_chat."""
        return self._send(chat, Content(text, tuple(entities.found_alone(text))), **how)

    def sends_photo(self, chat: Chat, picture: bytes | None = None, caption: str = "", **how: Any) -> Message:
        """picture: any picture that Pillow reads; Telegram makes a JPEG of it in several sizes."""
        media = self._world.files.media("photo", picture or samples.picture())
        return self._send(chat, _captioned(media, caption), **how)

    def sends_document(
        self,
        chat: Chat,
        data: bytes | None = None,
        caption: str = "",
        *,
        name: str,
        mime: str,
        size: int = 0,
        **how: Any,
    ) -> Message:
        """A file as it is. size: how large it says it is, where there is no data."""
        file = self._world.files.add("document", data, name=name, mime=mime, size=size)
        return self._send(chat, _captioned(Media("document", file), caption), **how)

    def sends_album(
        self, chat: Chat, pictures: list[bytes], caption: str = "", *, captioned: int = 0, **how: Any
    ) -> list[Message]:
        """Photos in one bubble: as many messages with one media_group_id, of which one has the caption."""
        album = str(13_000_000_000 + self._world.serial())
        return [
            self.sends_photo(chat, picture, caption if k == captioned else "", album=album, **how)
            for k, picture in enumerate(pictures)
        ]

    def sends_sticker(self, chat: Chat, *, animated: bool = False, **how: Any) -> Message:
        data = samples.animated_sticker() if animated else samples.picture(form="WEBP")
        file = self._world.files.add("sticker", data, width=512, height=512)
        kind = {"type": "regular", "is_animated": animated, "is_video": False, "emoji": "🦊"}
        return self._send(chat, Content(media=Media("sticker", file, extra=kind)), **how)

    def sends_video(self, chat: Chat, caption: str = "", **how: Any) -> Message:
        file = self._world.files.add(
            "video", None, size=1_500_000, name="video.mp4", mime="video/mp4", width=640, height=480, duration_s=8
        )
        return self._send(chat, _captioned(Media("video", file), caption), **how)

    def sends_gif(self, chat: Chat, caption: str = "", **how: Any) -> Message:
        """What people call a GIF: Telegram keeps it as a silent clip."""
        return self._send(chat, _captioned(self._world.files.media("animation", samples.clip()), caption), **how)

    def sends_voice(self, chat: Chat, caption: str = "", **how: Any) -> Message:
        file = self._world.files.add("voice", samples.voice_note(), mime="audio/ogg", duration_s=3)
        return self._send(chat, _captioned(Media("voice", file), caption), **how)

    def edits(self, message: Message, text: str) -> None:
        """Other words for a text or a caption."""
        self._world.change(message, replace(message.content, text=text, entities=tuple(entities.found_alone(text))))
        kind = "edited_channel_post" if message.chat.kind == "channel" else "edited_message"
        self._tell(kind, message)

    def deletes(self, message: Message) -> None:
        """Somebody removes a message, the bot's too: Telegram tells the bot nothing."""
        message.deleted = True
        self._world.touch()

    def starts(self) -> Message:
        """Opens the chat with the bot; before that the bot may not write."""
        return self.says(self.private, "/start")

    # Pressing and reacting

    def clicks(self, message: Message, label: str) -> Click:
        """Presses the button whose label contains `label`."""
        try:
            return self.sends_data(message, message.button(label)["callback_data"])
        except LookupError as exc:
            raise CannotDo(str(exc)) from exc

    def sends_data(self, message: Message, data: str) -> Click:
        """A callback query with any data: a client of one's own can send what no button says."""
        click = Click(str(4_000_000_000 + self._world.serial()), self.user, message, data)
        self._world.clicks[click.id] = click
        self._world.feed.add("callback_query", click_json(click))
        return click

    def reacts(self, message: Message, *emoji: str, as_chat: Chat | None = None) -> None:
        """Sets this person's reactions to exactly these; none takes them back.

        The bot hears of it where it is an admin and has asked for it.
        """
        chat = message.chat
        self._check_presence(chat)
        if strange := set(emoji) - limits.REACTIONS:
            raise CannotDo(f"Telegram offers no reaction {' '.join(strange)}")
        actor = as_chat.id if as_chat else self.user.id
        old = message.reactions.get(actor, ())
        message.reactions[actor] = emoji
        if chat.standing(self._world.bot) is not Standing.ADMIN or old == emoji:
            return
        who = {"actor_chat": chat_json(as_chat)} if as_chat else {"user": user_json(self.user)}
        update = {"chat": chat_json(chat), "message_id": message.id, "date": self._world.date(), **who}
        update["old_reaction"] = [{"type": "emoji", "emoji": one} for one in old]
        update["new_reaction"] = [{"type": "emoji", "emoji": one} for one in emoji]
        self._world.feed.add("message_reaction", update)

    # Shutting out

    def blocks(self) -> None:
        """Stops the bot in the private chat."""
        self.user.blocks_bot = True
        self._private_standing(Standing.MEMBER, Standing.KICKED)

    def unblocks(self) -> None:
        self.user.blocks_bot = False
        self._private_standing(Standing.KICKED, Standing.MEMBER)

    def kicks_bot(self, chat: Chat) -> None:
        self._world.set_standing(chat, Membership(self._world.bot, Standing.KICKED), by=self.user)

    def _private_standing(self, old: Standing, new: Standing) -> None:
        bot = self._world.bot
        before, after = Membership(bot, old), Membership(bot, new)
        self._world.tell_standing(self.private, before, after, by=self.user)

    # How it reaches the bot

    def _send(self, chat: Chat, content: Content, *, as_chat: Chat | None = None, **known: Any) -> Message:
        self._check_presence(chat)
        if chat is self.private:
            self.user.started = True
        if chat.kind == "channel":
            author = {"sender": None, "sender_chat": chat}
        elif as_chat is None:
            author = {"sender": self.user, "sender_chat": None}
        else:
            author = {"sender": GROUP_ANONYMOUS_BOT if as_chat is chat else CHANNEL_BOT, "sender_chat": as_chat}
        message = self._world.post(chat, content, **author, **known)
        self._tell("channel_post" if chat.kind == "channel" else "message", message)
        return message

    def _check_presence(self, chat: Chat) -> None:
        if chat.upgraded_to is not None:
            raise CannotDo(f"{chat.title} is a supergroup now")
        if not self._world.present(chat, self.user):
            raise CannotDo(f"{self.user.first_name} is not in {chat.title or 'this private chat'}")

    def _tell(self, kind: str, message: Message) -> None:
        if self._world.sees(message):
            self._world.feed.add(kind, message_json(message))


def _captioned(media: Media, caption: str) -> Content:
    return Content(caption, tuple(entities.found_alone(caption)), media)
