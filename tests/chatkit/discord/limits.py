"""Limits of messages and modals that the OpenAPI document cannot say. Each function names every broken one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatkit.discord.model import Json, MessageFlag, walk

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTENT_MAX = 2000
EMBEDS_CHARS_MAX = 6000
ROWS_MAX = 5
BUTTONS_PER_ROW_MAX = 5
CUSTOM_ID_MAX = 100
NONCE_MAX = 25
FILES_MAX = 10
SETTABLE = MessageFlag.SUPPRESS_EMBEDS | MessageFlag.SUPPRESS_NOTIFICATIONS | MessageFlag.COMPONENTS_V2

ROW, BUTTON, SELECT, TEXT_INPUT = 1, 2, 3, 4
SELECTS = (3, 5, 6, 7, 8)
LINK, PREMIUM = 5, 6


def message_faults(
    body: Json, *, files: Iterable[str] = (), kept: Iterable[int] = (), ephemeral: bool = False
) -> list[str]:
    """What is wrong with a message to be created or edited.

    files: names of the form's file fields. kept: ids of the attachments that the edited message has.
    ephemeral: an answer to an interaction, which may be hidden.
    """
    faults: list[str] = []
    content = body.get("content") or ""
    if len(content) > CONTENT_MAX:
        faults.append(f"content has {len(content)} characters, {CONTENT_MAX} are allowed")
    drawn = sum(map(_embed_chars, body.get("embeds") or []))
    if drawn > EMBEDS_CHARS_MAX:
        faults.append(f"embeds have {drawn} characters together, {EMBEDS_CHARS_MAX} are allowed")
    if len(str(body.get("nonce") or "")) > NONCE_MAX:
        faults.append(f"nonce is longer than {NONCE_MAX}")
    flags = body.get("flags") or 0
    unknown = flags & ~int(SETTABLE | MessageFlag.EPHEMERAL if ephemeral else SETTABLE)
    if unknown:
        faults.append(f"flags {unknown} cannot be set here")
    faults += component_faults(body.get("components") or [], version_2=bool(flags & MessageFlag.COMPONENTS_V2))
    if flags & MessageFlag.COMPONENTS_V2 and (content or body.get("embeds")):
        faults.append("components v2 beside content or embeds")
    faults += _mention_faults(body.get("allowed_mentions") or {})
    return faults + _attachment_faults(body.get("attachments"), list(files), {str(id) for id in kept})


def component_faults(components: list[Json], *, version_2: bool = False) -> list[str]:
    faults = _custom_id_faults(components)
    if not version_2:
        if len(components) > ROWS_MAX:
            faults.append(f"{len(components)} rows, {ROWS_MAX} are allowed")
        faults += [f"component type {part['type']} outside of a row" for part in components if part["type"] != ROW]
    for part in walk(components):
        if part["type"] == ROW:
            faults += _row_faults(part["components"])
        elif part["type"] == BUTTON:
            faults += _button_faults(part)
    return faults


def modal_faults(data: Json) -> list[str]:
    faults = _custom_id_faults(data["components"])
    if len(data["components"]) > ROWS_MAX:
        faults.append(f"a modal with {len(data['components'])} components, {ROWS_MAX} are allowed")
    for part in walk(data["components"]):
        if part["type"] != TEXT_INPUT:
            continue
        shortest, longest = part.get("min_length") or 0, part.get("max_length") or 4000
        value = part.get("value") or ""
        if shortest > longest:
            faults.append(f"text input {part['custom_id']}: min_length is above max_length")
        if value and not shortest <= len(value) <= longest:
            faults.append(f"text input {part['custom_id']}: its value is outside of its own limits")
    return faults


def is_empty(content: str, *parts: Any) -> bool:
    return not content.strip() and not any(parts)


def _embed_chars(embed: Json) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    for field in embed.get("fields") or []:
        texts += [field["name"], field["value"]]
    return sum(len(text or "") for text in texts)


def _custom_id_faults(components: list[Json]) -> list[str]:
    ids = [part["custom_id"] for part in walk(components) if part.get("custom_id")]
    faults = [f"custom_id {id!r} is used twice" for id in sorted({id for id in ids if ids.count(id) > 1})]
    return faults + [f"custom_id of {len(id)} characters" for id in ids if len(id) > CUSTOM_ID_MAX]


def _row_faults(parts: list[Json]) -> list[str]:
    kinds = [part["type"] for part in parts]
    if any(kind in SELECTS for kind in kinds) and len(kinds) > 1:
        return ["a select menu shares its row"]
    if kinds.count(BUTTON) > BUTTONS_PER_ROW_MAX:
        return [f"{kinds.count(BUTTON)} buttons in a row, {BUTTONS_PER_ROW_MAX} are allowed"]
    return []


def _button_faults(button: Json) -> list[str]:
    style, name = button["style"], button.get("label") or button.get("custom_id")
    faults: list[str] = []
    if style == PREMIUM:
        return faults
    if not button.get("label") and not button.get("emoji"):
        faults.append(f"button {name!r} has neither label nor emoji")
    if style == LINK and (not button.get("url") or button.get("custom_id")):
        faults.append(f"link button {name!r} needs a url and no custom_id")
    if style != LINK and (button.get("url") or not button.get("custom_id")):
        faults.append(f"button {name!r} needs a custom_id and no url")
    return faults


def _mention_faults(allowed: Json) -> list[str]:
    return [
        f"allowed_mentions: parse {kind} and a list of {kind} exclude each other"
        for kind in ("users", "roles")
        if kind in (allowed.get("parse") or []) and allowed.get(kind)
    ]


def _attachment_faults(attachments: list[Json] | None, files: list[str], kept: set[str]) -> list[str]:
    """Every entry names a file of this form or one that the message has; every file is one the form can name."""
    known = {f"files[{n}]": str(n) for n in range(FILES_MAX)}
    faults = [f"form field {name!r} is no file of a message" for name in files if name not in known]
    sent = {known[name] for name in files if name in known}
    named = [str(entry.get("id")) for entry in attachments or []]
    faults += [f"attachments: id {id} has no files[{id}]" for id in named if id not in sent | kept]
    faults += [f"attachments: id {id} stands twice" for id in sorted({id for id in named if named.count(id) > 1})]
    if attachments is not None:
        faults += [f"files[{id}] is not among the attachments" for id in sorted(sent - set(named))]
    return faults
