"""A chat of the stand-in as an HTML page."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from chatkit.page import Button, Line, Picture, Reaction, page

if TYPE_CHECKING:
    from chatkit.telegram.model import Chat, Json, Message
    from chatkit.telegram.people import Person

TAGS = {
    "bold": ("<b>", "</b>"),
    "italic": ("<i>", "</i>"),
    "underline": ("<u>", "</u>"),
    "strikethrough": ("<s>", "</s>"),
    "code": ("<code>", "</code>"),
    "pre": ("<pre>", "</pre>"),
    "spoiler": ('<span class="spoiler">', "</span>"),
    "blockquote": ("<blockquote>", "</blockquote>"),
    "expandable_blockquote": ("<blockquote>", "</blockquote>"),
}
COLOURED = ('<span class="mention">', "</span>")
"""Mentions, commands, hashtags, addresses."""


def page_of(chat: Chat, seen_by: Person, *, topic: int | None = None) -> str:
    """What this person sees there; of a forum one topic (None: the general one)."""
    shown = [message for message in chat.shown if not chat.forum or message.topic == topic]
    title = chat.title or "Flipbook"
    below = f"{len(chat.members)} members" if chat.members else "bot"
    return page(title, [_line(message, seen_by) for message in shown], skin="telegram", topic=below)


def marked_up(text: str, entities: tuple[Json, ...]) -> str:
    """A text with its entities as HTML. Entities lie inside or beside each other, never across."""
    data = text.encode("utf-16-le")
    spans = sorted(((e["offset"], e["offset"] + e["length"], e) for e in entities), key=lambda s: (s[0], -s[1]))
    html, at = "", 0
    closing: list[tuple[int, str]] = []
    for start, end, entity in [*spans, (len(data) // 2, len(data) // 2, None)]:
        while closing and closing[-1][0] <= start:
            stop, tag = closing.pop()
            html, at = html + _plain(data, at, stop) + tag, stop
        html, at = html + _plain(data, at, start), start
        if entity is not None:
            opening, tag = TAGS.get(entity["type"], COLOURED)
            html += opening
            closing.append((end, tag))
    return html


def _plain(data: bytes, start: int, end: int) -> str:
    return escape(data[2 * start : 2 * end].decode("utf-16-le"))


def _line(message: Message, seen_by: Person) -> Line:
    author = message.sender.first_name if message.sender else message.chat.title
    if message.sender_chat is not None:
        author = message.sender_chat.title
    by_bot = message.sender is not None and message.sender.is_bot and message.sender_chat is None
    content = message.content
    return Line(
        author,
        message.date,
        html=_service(message) if message.service else marked_up(content.text, content.entities),
        above=_quote(message.reply_to) if message.reply_to and not message.reply_to.deleted else "",
        badge="bot" if by_bot else "",
        note="edited" if message.edit_date is not None and not message.buttons else "",
        pictures=_pictures(message),
        buttons=tuple(
            tuple(Button(button["text"]) for button in row) for row in (content.markup or {}).get("inline_keyboard", [])
        ),
        reactions=_reactions(message),
        own=message.sender is seen_by.user and message.sender_chat is None,
    )


def _service(message: Message) -> str:
    """What Telegram says by itself in the middle of the chat."""
    if "forum_topic_created" in message.service:
        return f"<i>“{escape(message.service['forum_topic_created']['name'])}” was created</i>"
    return "<i>This group is a supergroup now</i>"


def _quote(message: Message) -> str:
    author = message.sender.first_name if message.sender else message.chat.title
    words = message.text if len(message.text) <= 60 else f"{message.text[:59]}…"
    return f"{author}: {words or message.kind}"


def _pictures(message: Message) -> tuple[Picture, ...]:
    media = message.media
    if media is None:
        return ()
    kind = {"photo": "image/jpeg", "sticker": "image/webp"}.get(media.kind, media.file.mime)
    return (Picture(media.file.name or media.kind, media.file.data or b"", kind, spoiler=media.spoiler),)


def _reactions(message: Message) -> tuple[Reaction, ...]:
    counts = Counter(emoji for given in message.reactions.values() for emoji in given)
    return tuple(Reaction(emoji, count) for emoji, count in counts.items())
