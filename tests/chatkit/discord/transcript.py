"""A channel of the stand-in as an HTML page."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from chatkit.discord.model import MessageFlag
from chatkit.page import Button, Line, Picture, Reaction, page

if TYPE_CHECKING:
    from chatkit.discord.model import Channel, Json, Message, User
    from chatkit.discord.people import Person

STYLES = {1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "secondary"}
UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def page_of(channel: Channel, seen_by: Person, *, topic: str = "") -> str:
    """What this person sees in the channel now."""
    lines = [_line(message, seen_by.user) for message in seen_by.reads(channel)]
    name = f"# {channel.name}" if channel.guild else f"@ {channel.recipients[-1].name}"
    return page(name, lines, skin="discord", topic=topic or (channel.guild.name if channel.guild else ""))


def _line(message: Message, viewer: User) -> Line:
    hidden = message.flags & MessageFlag.EPHEMERAL
    text = "<i>flipbook is thinking …</i>" if message.loading else marked_up(message.content, message.channel)
    embeds = "".join(_embed(embed, message.channel) for embed in message.embeds)
    return Line(
        author=message.author.name,
        time_s=message.born_s,
        html=text + embeds + (" <small>(edited)</small>" if message.edited_s and not message.interaction else ""),
        above=_above(message),
        badge="APP" if message.author.bot else "",
        note="Only you can see this" if hidden else "",
        pictures=tuple(
            Picture(file.filename, file.content, file.content_type, file.description or "", file.spoiler)
            for file in message.all_files
        ),
        buttons=tuple(tuple(map(_button, row.get("components", []))) for row in message.components),
        reactions=tuple(
            Reaction(emoji, len(people), any(person.bot for person in people))
            for emoji, people in message.reactions.items()
        ),
        mentioned=viewer in message.mentions or message.mention_everyone,
    )


def _above(message: Message) -> str:
    if message.reply_to is not None:
        return f"↰ {message.reply_to.author.name}: {message.reply_to.content[:60] or 'an attachment'}"
    asked = message.interaction
    if asked is not None and asked.command is not None:
        return f"↰ {asked.user.name} used {'/' if asked.command.type == 1 else ''}{asked.command.name}"
    return ""


def _button(part: Json) -> Button:
    if part["type"] != 2:
        return Button(f"{part.get('placeholder') or 'Choose'} ▾", disabled=bool(part.get("disabled")))
    label = " ".join(filter(None, [(part.get("emoji") or {}).get("name"), part.get("label")]))
    return Button(label, STYLES.get(part["style"], "secondary"), bool(part.get("disabled")))


def _embed(embed: Json, channel: Channel) -> str:
    title = f"<b>{marked_up(embed['title'], channel)}</b>\n" if embed.get("title") else ""
    fields = "".join(f"\n<b>{escape(f['name'])}</b>\n{marked_up(f['value'], channel)}" for f in embed.get("fields", []))
    footer = f"\n<small>{escape(embed['footer']['text'])}</small>" if embed.get("footer") else ""
    body = title + marked_up(embed.get("description") or "", channel) + fields + footer
    return f"<blockquote>{body}</blockquote>" if body else ""


def marked_up(text: str, channel: Channel) -> str:
    """The part of Discord's markdown that bots write, as HTML."""
    html = escape(text, quote=False)
    html = re.sub(r"\\([*_~|`<>#@\\-])", lambda m: f"&#{ord(m[1])};", html)
    html = re.sub(r"&lt;t:(\d+)(?::(\w))?&gt;", lambda m: _mention(_moment(int(m[1]), m[2])), html)
    html = re.sub(r"&lt;@!?(\d+)&gt;", lambda m: _mention(_name(channel, int(m[1]))), html)
    html = re.sub(r"&lt;/([^:]+):\d+&gt;", lambda m: _mention(f"/{m[1]}"), html)
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", html)
    html = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html)
    html = re.sub(r"(?<!\w)[*_](?!\s)(.+?)(?<!\s)[*_](?!\w)", r"<i>\1</i>", html)
    html = re.sub(r"(?m)^-# (.*)$", r"<small>\1</small>", html)
    return re.sub(r"(?m)^&gt; (.*)$", r"<blockquote>\1</blockquote>", html)


def _mention(text: str) -> str:
    return f'<span class="mention">{escape(text, quote=False)}</span>'


def _name(channel: Channel, id: int) -> str:
    people = [m.user for m in channel.guild.members.values()] if channel.guild else channel.recipients
    return next((f"@{person.name}" for person in people if person.id == id), "@unknown-user")


def _moment(seconds: int, style: str | None) -> str:
    if style != "R":
        return datetime.fromtimestamp(seconds, UTC).strftime("%d %B %Y %H:%M")
    away = seconds - time.time()
    size, unit = next(((s, u) for s, u in UNITS if abs(away) >= s), (1, "second"))
    count = max(1, round(abs(away) / size))
    words = f"{count} {unit}{'s' if count > 1 else ''}"
    return f"in {words}" if away >= 0 else f"{words} ago"
