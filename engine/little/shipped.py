"""The trained set in the package: where it lies, and whether its files are those that were shipped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from storage.errors import WeightsMissing

SHIPPED = Path(__file__).parent / "weights"
MANIFEST = "files.json"
_NAMED_MAX = 4


def little_weights(folder: Path = SHIPPED) -> Path:
    """The folder of the trained set, every byte of it checked: ten megabytes, so some ten milliseconds.

    Raises WeightsMissing with the files that are missing or damaged, and how to get them back.
    """
    problems = list(_problems(folder))
    if problems:
        named = "; ".join(problems[:_NAMED_MAX])
        more = len(problems) - _NAMED_MAX
        raise WeightsMissing(
            f"The little model's files in {folder} are not as they were shipped: "
            f"{named}{f'; and {more} more' if more > 0 else ''}. Restore them with “git checkout -- "
            "engine/little/weights”, or install Flipbook again; “python -m engine.little.train” trains a new set."
        )
    return folder


def write_manifest(folder: Path) -> None:
    """Write down every file's size and SHA-256."""
    facts = {path.relative_to(folder).as_posix(): _facts(path) for path in _files(folder)}
    (folder / MANIFEST).write_text(json.dumps(facts, indent=1) + "\n", "utf-8", newline="\n")


def _problems(folder: Path) -> Iterator[str]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        expected = {name: (entry["bytes"], entry["sha256"]) for name, entry in manifest.items()}
    except FileNotFoundError:
        yield f"{MANIFEST} is missing"
        return
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"{MANIFEST} is not readable"
        return
    for name, (byte_count, sha256) in expected.items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing"
            continue
        found = _facts(path)
        if found["bytes"] != byte_count:
            yield f"{name} is damaged ({found['bytes']:,} of {byte_count:,} bytes)"
        elif found["sha256"] != sha256:
            yield f"{name} is damaged"


def _files(folder: Path) -> list[Path]:
    # The model card may be mended by hand.
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, "README.md"))


def _facts(path: Path) -> dict[str, int | str]:
    content = path.read_bytes()
    if path.suffix in (".json", ".txt"):
        # Git may check text out with other line ends.
        content = content.replace(b"\r\n", b"\n")
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
