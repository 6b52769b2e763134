"""`python -P -m bot.picture.child MEMORY_BYTES`: decodes uploads, one after another, until its standard input closes.

It holds no token, gives way to everything else on the machine, and may be killed at any moment. What bounds it:

- memory: MEMORY_BYTES of data where the system knows such a limit (Linux); everywhere, the bot watches what it takes;
- time: the bot watches the CPU time; a watchdog in C, which no decoder can hold up, ends a process whose bot is gone.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from contextlib import suppress
from typing import BinaryIO

from bot.child import give_way
from bot.picture import wire
from bot.picture.decode import read_picture
from bot.picture.value import FACTS, Canvas, PictureLimits
from storage.errors import RequestRejected


def main(memory_bytes: str) -> int:
    source, target = _own_pipes()
    give_way()
    _limit_memory(int(memory_bytes))
    wire.write(target, {"ready": os.getpid()})
    while (message := wire.read(source)) is not None:
        head, data = message
        faulthandler.dump_traceback_later(head["seconds"], exit=True)
        head, body = _answer(head, data)
        faulthandler.cancel_dump_traceback_later()
        wire.write(target, head, body)
    return 0


def _answer(head: wire.Head, data: bytes) -> tuple[wire.Head, bytes]:
    try:
        canvas = None if head["canvas"] is None else Canvas(**head["canvas"])
        picture = read_picture(data, PictureLimits(**head["limits"]), head["field"], canvas=canvas)
    except RequestRejected as exc:
        return {"rejected": {"sentence": str(exc), "rule": exc.rule, "figures": dict(exc.figures)}}, b""
    return {"picture": {name: getattr(picture, name) for name in FACTS}}, picture.png


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The line to the bot, moved to where no library prints."""
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    return source, target


def _limit_memory(data_bytes: int) -> None:
    """What only POSIX systems offer; on Windows the bot's watching is all."""
    if sys.platform == "win32":
        return
    import resource

    # Not the address space, of which threads and libraries reserve far more than they use.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, data_bytes))
    # A decoder that crashes would leave a member's picture in a file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
