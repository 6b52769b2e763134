"""Telegram's two Markdowns, as far as a bot's own sentences go."""

from __future__ import annotations

from chatkit.telegram.model import Json
from chatkit.telegram.refusals import broken_rule

# Longest first: "__" is underline, "_" italic.
MARKS = (
    ("```", "pre"),
    ("||", "spoiler"),
    ("__", "underline"),
    ("`", "code"),
    ("*", "bold"),
    ("_", "italic"),
    ("~", "strikethrough"),
)
LEGACY_MARKS = (("```", "pre"), ("`", "code"), ("*", "bold"), ("_", "italic"))
RESERVED = set("_*[]()~`>#+-=|{}.!")
VERBATIM = ("pre", "code")


def version_2(text: str) -> tuple[str, list[Json]]:
    """Raises Refusal for a mark left open or a reserved character that is not escaped."""
    return _read(text, MARKS, RESERVED)


def legacy(text: str) -> tuple[str, list[Json]]:
    return _read(text, LEGACY_MARKS, set())


def _read(text: str, marks: tuple[tuple[str, str], ...], reserved: set[str]) -> tuple[str, list[Json]]:
    shown, entities = "", []
    open_: list[tuple[str, str, int]] = []
    at = 0
    while at < len(text):
        verbatim = bool(open_) and open_[-1][1] in VERBATIM
        mark, kind = next(((m, k) for m, k in marks if text.startswith(m, at)), ("", ""))
        if text[at] == "\\" and at + 1 < len(text) and ord(text[at + 1]) < 127:
            shown, at = shown + text[at + 1], at + 2
        elif mark and (not verbatim or open_[-1][0] == mark):
            if open_ and open_[-1][0] == mark:
                _, kind, start = open_.pop()
                if len(shown) > start:
                    entities.append(_entity(kind, shown, start))
            else:
                open_.append((mark, kind, len(shown)))
            at += len(mark)
        elif text[at] == "[" and not verbatim:
            label, url, at = _link(text, at)
            entities.append({**_entity("text_link", shown + label, len(shown)), "url": url})
            shown += label
        elif text[at] in reserved and not verbatim:
            raise broken_rule(f"can't parse entities: character '{text[at]}' is reserved and must be escaped")
        else:
            shown, at = shown + text[at], at + 1
    if open_:
        raise broken_rule(f"can't parse entities: can't find end of {open_[-1][1]} entity at offset {open_[-1][2]}")
    return shown, entities


def _link(text: str, at: int) -> tuple[str, str, int]:
    """`[label](url)` with nothing nested: label, address, where reading goes on."""
    middle = text.find("](", at)
    end = text.find(")", middle)
    if middle < 0 or end < 0:
        raise broken_rule(f"can't parse entities: can't find end of a URL at offset {at}")
    return text[at + 1 : middle].replace("\\", ""), text[middle + 2 : end].replace("\\", ""), end + 1


def _entity(kind: str, shown: str, start: int) -> Json:
    offset = len(shown[:start].encode("utf-16-le")) // 2
    return {"type": kind, "offset": offset, "length": len(shown.encode("utf-16-le")) // 2 - offset}
