"""A chat as one HTML page without outside parts: for screenshots, and for a look at what a test did.

lines = [Line("mia", 1_764_000_000, html="hello"), …]
Path("room.html").write_text(page("# animations", lines, skin="discord"), encoding="utf-8")

chromium --headless --no-sandbox --hide-scrollbars --window-size=820,900 --screenshot=room.png room.html
"""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib import resources

import av
import av.error

SKINS = ("discord", "telegram")
COLORS = ("#5865f2", "#3ba55d", "#eb459e", "#faa61a", "#0f9aae", "#b5533c")


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that stands in a message. Pictures and films are shown, anything else is a name."""

    filename: str
    content: bytes
    content_type: str
    description: str = ""
    spoiler: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    label: str
    style: str = "secondary"
    """primary | secondary | success | danger"""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Reaction:
    emoji: str
    count: int
    by_bot: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One message."""

    author: str
    time_s: float
    html: str = ""
    """The text, already HTML; `escape` what people wrote."""
    above: str = ""
    """What it answers, in words."""
    badge: str = ""
    """Beside the name: APP, admin …"""
    note: str = ""
    """Below it: "Only you can see this" …"""
    pictures: tuple[Picture, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    reactions: tuple[Reaction, ...] = ()
    mentioned: bool = False
    """The one who looks is mentioned."""
    own: bool = False
    """Of the one who looks; Telegram puts these on the right."""


def page(title: str, lines: list[Line], *, skin: str, topic: str = "") -> str:
    """The whole page. skin: what it looks like, one of SKINS."""
    if skin not in SKINS:
        raise ValueError(f"{skin!r} is none of {SKINS}")
    style = resources.files("chatkit").joinpath("page.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{style}</style></head>",
            f'<body class="{skin}"><header><b>{escape(title)}</b><span>{escape(topic)}</span></header><main>',
            *(_line(line) for line in lines),
            "</main></body></html>",
        ]
    )


def _line(line: Line) -> str:
    classes = " ".join(["line", *(["mentioned"] if line.mentioned else []), *(["own"] if line.own else [])])
    badge = f'<span class="badge">{escape(line.badge)}</span>' if line.badge else ""
    time = datetime.fromtimestamp(line.time_s, UTC).strftime("%H:%M")
    name = f'<b style="color:{_color(line.author)}">{escape(line.author)}</b>'
    parts = [
        f'<article class="{classes}">{_avatar(line.author)}<div class="body">',
        f'<p class="above">{escape(line.above)}</p>' if line.above else "",
        f'<p class="who">{name}{badge}<time>{time}</time></p>',
        f'<div class="text">{line.html}</div>' if line.html else "",
        *(_picture(picture) for picture in line.pictures),
        *(_row(row) for row in line.buttons),
        _reactions(line.reactions),
        f'<p class="note">{escape(line.note)}</p>' if line.note else "",
        "</div></article>",
    ]
    return "".join(parts)


def _avatar(name: str) -> str:
    return f'<div class="avatar" style="background:{_color(name)}">{escape(name[:1].upper())}</div>'


def _color(name: str) -> str:
    return COLORS[hashlib.sha256(name.encode()).digest()[0] % len(COLORS)]


def _picture(picture: Picture) -> str:
    label = escape(picture.description or picture.filename, quote=True)
    kind = picture.content_type.split(";")[0]
    spoiler = ' class="spoiler"' if picture.spoiler else ""
    if kind.startswith("image/"):
        return f'<figure{spoiler}><img alt="{label}" src="{_data(kind, picture.content)}"></figure>'
    if kind.startswith("video/") and (poster := _poster(picture.content)):
        # A still with a sign on it: a page that is drawn once plays nothing.
        return f'<figure{spoiler}><img alt="{label}" src="{_data("image/png", poster)}"><i class="play"></i></figure>'
    return f'<p class="file">📄 {escape(picture.filename)} <span>{len(picture.content):,} bytes</span></p>'


def _poster(film: bytes) -> bytes | None:
    """A picture from the first third of a film; None where it is none."""
    try:
        with av.open(io.BytesIO(film), mode="r") as container:
            wanted = (container.streams.video[0].frames or 1) // 3
            for index, frame in enumerate(container.decode(video=0)):
                if index >= wanted:
                    still = io.BytesIO()
                    frame.to_image().save(still, "PNG")
                    return still.getvalue()
    except (av.error.FFmpegError, IndexError):
        return None
    return None


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _row(row: tuple[Button, ...]) -> str:
    buttons = "".join(
        f'<button class="{button.style}"{" disabled" if button.disabled else ""}>{escape(button.label)}</button>'
        for button in row
    )
    return f'<div class="row">{buttons}</div>'


def _reactions(reactions: tuple[Reaction, ...]) -> str:
    if not reactions:
        return ""
    chips = "".join(
        f'<span class="chip{" mine" if reaction.by_bot else ""}">{escape(reaction.emoji)} {reaction.count}</span>'
        for reaction in reactions
    )
    return f'<div class="chips">{chips}</div>'
