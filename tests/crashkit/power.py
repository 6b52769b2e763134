"""A power cut, as far as files go: what was not flushed to the disk is gone when the power comes back.

`record`, in a process that will be killed, writes down which files and names it flushed. `cut` then takes away what
it did not: the content of files, and names in folders. SQLite's own files are left alone, as if every commit had
reached the disk: so a row that names a file which is not safe yet is caught at once.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crashkit.journal import Journal


def record(path: Path) -> None:
    """From now on, until this process ends."""
    flush, rename, make = os.fsync, os.replace, os.mkdir
    journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(**line: Any) -> None:
        # Not flushed: the process is killed, the machine is not.
        os.write(journal, json.dumps(line).encode() + b"\n")

    def fsync(descriptor: int) -> None:
        flush(descriptor)
        facts = os.fstat(descriptor)
        note(op="folder" if stat.S_ISDIR(facts.st_mode) else "file", inode=facts.st_ino)

    def replace(source: Any, target: Any, **options: Any) -> None:
        inode = Path(source).stat().st_ino
        note(op="rename", inode=inode, folder=Path(target).parent.stat().st_ino, path=os.fspath(target), made=False)
        rename(source, target, **options)

    def mkdir(path: Any, *rest: Any, **options: Any) -> None:
        make(path, *rest, **options)
        inode = Path(path).stat().st_ino
        note(op="rename", inode=inode, folder=Path(path).parent.stat().st_ino, path=os.fspath(path), made=True)

    os.fsync, os.replace, os.mkdir = fsync, replace, mkdir


def cut(path: Path, inside: Path) -> int:
    """Take away what was not flushed below `inside`; how much that was. The process must be gone.

    A name in a folder that was never flushed since counts as lost together with everything beneath it.
    """
    flushed: set[int] = set()
    names: dict[str, _Name] = {}
    for line in Journal(path).lines():
        match line["op"]:
            case "file":
                flushed.add(line["inode"])
            case "rename":
                old = names.get(line["path"])
                # Over a name that is on the disk: what is lost then is the change, not the name.
                safe = old is not None and old.safe
                names[line["path"]] = _Name(inode=line["inode"], folder=line["folder"], safe=safe)
                if line["made"]:
                    flushed.add(line["inode"])
            case _:
                for name in names.values():
                    name.safe |= name.folder == line["inode"]
    lost = 0
    # Folders come before what is in them.
    for path_, name in sorted(names.items()):
        file = Path(path_)
        if not file.is_relative_to(inside) or not file.exists() or file.stat().st_ino != name.inode:
            continue
        if not name.safe:
            lost += 1
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        elif name.inode not in flushed:
            lost += 1
            file.write_bytes(b"")
    return lost


@dataclass(slots=True)
class _Name:
    inode: int
    folder: int
    """Inode of the folder that it is in."""
    safe: bool = False
