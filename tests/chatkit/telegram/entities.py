"""Formatting: parse modes, and what Telegram finds in a text by itself. Offsets count UTF-16 code units."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

from chatkit.telegram import markdown
from chatkit.telegram.model import Json
from chatkit.telegram.refusals import broken_rule

TAGS = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "blockquote": "blockquote",
}
NAMED_ENTITIES = ("&lt;", "&gt;", "&amp;", "&quot;")
FOUND_ALONE = (
    ("bot_command", re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>])")),
    ("mention", re.compile(r"(?<![\w@])@[A-Za-z][A-Za-z0-9_]{3,31}\b")),
    ("hashtag", re.compile(r"(?<![\w#])#\w*[^\W\d]\w*")),
    ("cashtag", re.compile(r"(?<![\w$])\$[A-Z]{1,8}(?![\w$])")),
    ("email", re.compile(r"(?<![\w.])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("url", re.compile(r"(?:https?|tg)://[^\s<>\"]+")),
    # Top-level domains stand for the list that Telegram knows; a word joiner is no part of a host name.
    (
        "url",
        re.compile(
            r"(?<![\w@./:])(?:[\w\u200c\u200d\u2010-\u2015-]+\.)+(?:com|example|it|me|net|org)\b(?:/[^\s<>\"]*)?",
            re.IGNORECASE,
        ),
    ),
    ("url", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")),
    ("phone_number", re.compile(r"(?<!\w)\+\d(?:[ ().-]{0,2}\d){6,14}(?!\w)")),
)


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def parse(text: str, parse_mode: str | None, given: list[Json] | None) -> tuple[str, tuple[Json, ...]]:
    """A text as it will be shown, and its entities; whitespace at the end goes, as on Telegram.

    Raises Refusal for an unknown mode, a tag left open, an unescaped character.
    """
    if parse_mode and given is None:
        match parse_mode.lower():
            case "html":
                shown, entities = _html(text)
            case "markdownv2":
                shown, entities = markdown.version_2(text)
            case "markdown":
                shown, entities = markdown.legacy(text)
            case _:
                raise broken_rule("unsupported parse_mode")
    else:
        shown, entities = text, list(given or [])
        for entity in entities:
            if entity["offset"] < 0 or entity["offset"] + entity["length"] > utf16(text):
                raise broken_rule("entity beyond the text's end")
    shown = shown.rstrip()
    end = utf16(shown)
    clipped = [{**e, "length": min(e["length"], end - e["offset"])} for e in entities if e["offset"] < end]
    taken = [(e["offset"], e["offset"] + e["length"]) for e in clipped if e["type"] in ("code", "pre", "text_link")]
    alone = [
        found
        for found in found_alone(shown)
        if not any(start < found["offset"] + found["length"] and found["offset"] < stop for start, stop in taken)
    ]
    return shown, tuple(sorted(clipped + alone, key=lambda e: (e["offset"], -e["length"])))


def found_alone(text: str) -> list[Json]:
    """Commands, mentions, tags, addresses and telephone numbers, which Telegram marks in any text."""
    return [
        {"type": kind, "offset": utf16(text[: match.start()]), "length": utf16(match[0])}
        for kind, pattern in FOUND_ALONE
        for match in pattern.finditer(text)
    ]


def _html(text: str) -> tuple[str, list[Json]]:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if reader.open:
        raise broken_rule(f"can't parse entities: can't find end tag corresponding to start tag {reader.open[-1][0]!r}")
    return reader.text, sorted(reader.entities, key=lambda e: (e["offset"], -e["length"]))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.text = ""
        self.entities: list[Json] = []
        self.open: list[tuple[str, int, Json]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "span":
            if given.get("class") != "tg-spoiler":
                raise broken_rule("can't parse entities: tag 'span' must have class 'tg-spoiler'")
            entity: Json = {"type": "spoiler"}
        elif tag not in TAGS:
            raise broken_rule(f"can't parse entities: unsupported start tag {tag!r}")
        else:
            entity = {"type": TAGS[tag]}
        if tag == "a":
            entity["url"] = given.get("href") or ""
        if tag == "blockquote" and "expandable" in given:
            entity["type"] = "expandable_blockquote"
        self.open.append((tag, utf16(self.text), entity))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            raise broken_rule(f"can't parse entities: unexpected end tag {tag!r}")
        _, start, entity = self.open.pop()
        if (length := utf16(self.text) - start) and (entity["type"] != "text_link" or entity["url"]):
            self.entities.append({**entity, "offset": start, "length": length})

    def handle_data(self, data: str) -> None:
        if "<" in data:
            raise broken_rule("can't parse entities: unescaped '<'")
        self.text += data

    def handle_entityref(self, name: str) -> None:
        whole = f"&{name};"
        self.text += html.unescape(whole) if whole in NAMED_ENTITIES else f"&{name}"

    def handle_charref(self, name: str) -> None:
        self.text += html.unescape(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        raise broken_rule("can't parse entities: unsupported comment")

    def handle_decl(self, decl: str) -> None:
        raise broken_rule("can't parse entities: unsupported declaration")

    def unknown_decl(self, data: str) -> None:
        raise broken_rule("can't parse entities: unsupported declaration")
