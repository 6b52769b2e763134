"""What differs between operating systems about disks: names written durably, and disks that are not local."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path

from storage.errors import DiskFull
from storage.files import patiently

NETWORK_FILE_SYSTEMS = frozenset(
    ("9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "drvfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4")
) | frozenset(("smb2", "smb3", "smbfs", "webdav", "fuse.ceph", "fuse.davfs2", "fuse.glusterfs", "fuse.sshfs"))
"""Their locks are advice at best: two machines may write one database at once and ruin it."""


_FULL = frozenset(number for name in ("ENOSPC", "EDQUOT") if (number := getattr(errno, name, None)) is not None)
_FULL_WINDOWS = frozenset((39, 112))
"""ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL."""


def free_bytes(folder: Path) -> int:
    """Room that is left on the disk of an existing folder."""
    return shutil.disk_usage(folder).free


def disk_full(error: BaseException | None) -> bool:
    """Whether this error, or one that led to it, says that a disk or a quota of it is used up."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL or getattr(error, "winerror", None) in _FULL_WINDOWS:
            return True
        if isinstance(error, DiskFull):
            return True
        error = error.__cause__ or error.__context__
    return False


def sync_file(path: Path) -> None:
    """The file's content is on the disk when this returns."""
    # Windows flushes only handles that may write.
    descriptor = patiently(lambda: os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0)))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """The folder's names are on the disk when this returns. Windows journals them and offers no such call."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def network_file_system(folder: Path) -> str | None:
    """The kind of network file system that holds an existing folder; None for a local disk or where unknown."""
    import psutil

    resolved = folder.resolve()
    if resolved.drive.startswith("\\\\"):
        return "a network share"
    mounts = [mount for mount in psutil.disk_partitions(all=True) if resolved.is_relative_to(mount.mountpoint)]
    if not mounts:
        return None
    # The longest path is the innermost mount; of two on one path, the later one hides the earlier.
    mount = max(enumerate(mounts), key=lambda item: (len(item[1].mountpoint), item[0]))[1]
    kind = mount.fstype.lower()
    if kind in NETWORK_FILE_SYSTEMS or "remote" in mount.opts.split(","):
        return kind or "a network drive"
    return None
