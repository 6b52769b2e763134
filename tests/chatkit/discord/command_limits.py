"""Limits of application commands that the OpenAPI document cannot say."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatkit.discord.model import Json

CHAT_INPUT, USER, MESSAGE = 1, 2, 3
SUBCOMMAND, SUBCOMMAND_GROUP = 1, 2
STRING, INTEGER, NUMBER = 3, 4, 10
MOST = {CHAT_INPUT: 100, USER: 5, MESSAGE: 5}
CHOICES_MAX = 25
ATTACHMENT = 11
FILE_TYPES_MAX = 10
FILE_GROUPS = {
    "image": (".png", ".gif", ".jpg", ".jpeg", ".jfif", ".webp", ".avif"),
    "video": (".mp4", ".mov", ".qt", ".webm"),
    "audio": (".mp3", ".m4a", ".wav", ".ogg", ".opus", ".flac"),
}
CHARS_MAX = 8000


def command_faults(body: Json) -> list[str]:
    kind = body.get("type") or CHAT_INPUT
    name = body["name"]
    if kind != CHAT_INPUT:
        faults = [f"context menu {name!r} has a description"] if body.get("description") else []
        return faults + ([f"context menu {name!r} has options"] if body.get("options") else [])
    faults = _entry_faults(f"/{name}", body)
    faults += _options_faults(f"/{name}", body.get("options") or [], depth=0)
    if (chars := _chars(body)) > CHARS_MAX:
        faults.append(f"/{name} has {chars} characters in all, {CHARS_MAX} are allowed")
    return faults


def set_faults(commands: list[Json]) -> list[str]:
    """What is wrong with the whole set of one scope, besides each command's own faults."""
    faults: list[str] = []
    for kind, most in MOST.items():
        names = [body["name"] for body in commands if (body.get("type") or CHAT_INPUT) == kind]
        faults += [f"command {name!r} stands twice" for name in sorted({n for n in names if names.count(n) > 1})]
        if len(names) > most:
            faults.append(f"{len(names)} commands of type {kind}, {most} are allowed")
    return faults


def name_is_valid(name: str) -> bool:
    """Letters, digits, hyphen and underscore, 1 to 32 of them, lower-case where the script has cases."""
    letters = all(c in "-_ʼ" or unicodedata.category(c)[0] in "LNM" for c in name)
    return 1 <= len(name) <= 32 and letters and name == name.lower()


def _entry_faults(where: str, body: Json) -> list[str]:
    names = [body["name"], *(body.get("name_localizations") or {}).values()]
    faults = [f"{where}: {name!r} is no valid name" for name in names if not name_is_valid(name)]
    texts = [body.get("description") or "", *(body.get("description_localizations") or {}).values()]
    return faults + [f"{where}: a description of {len(t)} characters" for t in texts if not 1 <= len(t) <= 100]


def _options_faults(where: str, options: list[Json], *, depth: int) -> list[str]:
    faults: list[str] = []
    names = [option["name"] for option in options]
    faults += [f"{where}: option {name!r} stands twice" for name in sorted({n for n in names if names.count(n) > 1})]
    for locale in {locale for option in options for locale in option.get("name_localizations") or {}}:
        local = [(option.get("name_localizations") or {}).get(locale, option["name"]) for option in options]
        if len(set(local)) < len(local):
            faults.append(f"{where}: two options have one name in {locale}")
    optional = False
    nested = [option["type"] in (SUBCOMMAND, SUBCOMMAND_GROUP) for option in options]
    if any(nested) and not all(nested):
        faults.append(f"{where}: subcommands beside options")
    for option in options:
        inside = f"{where} {option['name']}"
        faults += _entry_faults(inside, option)
        if option["type"] in (SUBCOMMAND, SUBCOMMAND_GROUP):
            if depth + (option["type"] == SUBCOMMAND) > 2:
                faults.append(f"{inside}: nested too deep")
            faults += _options_faults(inside, option.get("options") or [], depth=depth + 1)
            continue
        if option.get("required") and optional:
            faults.append(f"{inside}: a required option after an optional one")
        optional = optional or not option.get("required")
        faults += _choice_faults(inside, option)
        faults += _file_type_faults(inside, option)
    return faults


def _file_type_faults(where: str, option: Json) -> list[str]:
    """`file_types`: newer than the OpenAPI document that is at hand."""
    types = option.get("file_types") or []
    faults = [f"{where}: file types of an option that takes no file"] if types and option["type"] != ATTACHMENT else []
    if len(types) > FILE_TYPES_MAX:
        faults.append(f"{where}: {len(types)} file types, {FILE_TYPES_MAX} are allowed")
    wrong = [name for name in types if name not in FILE_GROUPS and not re.fullmatch(r"\.[a-z0-9]{1,15}", name)]
    return faults + [f"{where}: {name!r} is no file type" for name in wrong]


def takes_file(option: Json, filename: str) -> bool:
    """Whether the app lets a member choose this file: it looks at the name's ending alone."""
    types = option.get("file_types")
    ending = "." + filename.rpartition(".")[2].lower()
    return not types or any(ending in FILE_GROUPS.get(name, (name,)) for name in types)


def _choice_faults(where: str, option: Json) -> list[str]:
    choices = option.get("choices") or []
    faults = []
    if len(choices) > CHOICES_MAX:
        faults.append(f"{where}: {len(choices)} choices, {CHOICES_MAX} are allowed")
    if choices and option.get("autocomplete"):
        faults.append(f"{where}: choices and autocomplete exclude each other")
    values = [choice["value"] for choice in choices]
    faults += [f"{where}: choice {value!r} stands twice" for value in {v for v in values if values.count(v) > 1}]
    if option["type"] in (INTEGER, NUMBER):
        low, high = option.get("min_value"), option.get("max_value")
        if low is not None and high is not None and low > high:
            faults.append(f"{where}: min_value is above max_value")
    return faults


def _chars(body: Any) -> int:
    """Names, descriptions and values of a command and its options; of translations the longest counts."""
    total = 0
    for key in ("name", "description"):
        total += max(len(text) for text in [body.get(key) or "", *(body.get(f"{key}_localizations") or {}).values()])
    total += len(body["value"]) if isinstance(body.get("value"), str) else 0
    return total + sum(map(_chars, [*(body.get("options") or []), *(body.get("choices") or [])]))
