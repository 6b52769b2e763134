"""A TOML file as editors on every system save it, and sentences for what is wrong with one.

None of them repeats what the file holds: a secret may stand in the wrong place.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from pathlib import Path
from typing import Any

from storage.errors import SettingsError

SAVE_AS_UTF8 = "save it as UTF-8 (in Notepad: Save as, Encoding: UTF-8)"
BACKSLASHES = (
    "in double quotes a backslash begins an escape, so write a path in single quotes ('C:\\Users\\me\\films') or with /"
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LINE = re.compile(r"at line (\d+)")


def read_toml(path: Path) -> dict[str, Any]:
    """Raises SettingsError, which names the file, the line and what to change."""
    text = read_text(path, "configuration file")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        lines = text.splitlines() or [""]
        found = _LINE.search(str(exc))
        # "At end of document" is behind the last line.
        number = min(int(found[1]), len(lines)) if found else len(lines)
        cure = _cure(lines[number - 1], str(exc))
        raise SettingsError(f"The configuration file {path} is not valid TOML at line {number}: {cure}.") from None


def read_text(path: Path, what: str, *, named: bool = True) -> str:
    """The text of a small file, without a byte order mark.

    named: whether its path is repeated in errors. Raises SettingsError.
    """
    name = f"The {what} {path}" if named else f"The {what}"
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "no path has this form"
        raise SettingsError(f"{name} cannot be read: {reason}.") from None
    if content.startswith(_UTF16) or b"\0" in content[:4]:
        raise SettingsError(f"{name} is saved as UTF-16: {SAVE_AS_UTF8}.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content[: exc.start].count(b"\n") + 1
        raise SettingsError(f"{name} is not UTF-8 (line {line}): {SAVE_AS_UTF8}.") from None


def _cure(line: str, error: str) -> str:
    """What to change in this line, as far as it can be told."""
    if error.startswith(("Cannot overwrite", "Cannot declare")):
        return "the same key or section stands above already"
    value = line.partition("=")[2].strip()
    if value.startswith('"') and "\\" in value:
        return BACKSLASHES
    if value[:1] in ("'", '"') and value.count(value[0]) == 1:
        return "its closing quote is missing"
    if re.match(r"[A-Za-z]", value):
        return "text stands in quotes, and true and false are written small"
    return "it should be a line such as `key = value`, a section such as `[data]` or a comment behind #"
