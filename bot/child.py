"""Processes that the bot starts for work that its own must not do: long, or on bytes that nobody has checked."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from bot.supervisor import engine_environment


async def start_child(module: str, *arguments: str, stdin: int = subprocess.DEVNULL) -> asyncio.subprocess.Process:
    """A module of this package as a process that knows no token, its output in pipes. Raises OSError."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", module, *arguments),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        # A Ctrl-C at the terminal is for the bot, which ends its children itself.
        creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0,
        start_new_session=sys.platform != "win32",
    )


async def end_child(process: asyncio.subprocess.Process) -> str:
    """Kill it, if it still runs, and wait until it and its pipes are gone. What it complained of last."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    if process.stdin is not None:
        process.stdin.close()
    # Pipes close when what was left in them is read.
    _, complained = await process.communicate()
    return complained.decode(errors="replace").strip()


def give_way() -> None:
    """Let every other program on the machine go first."""
    own = psutil.Process()
    # Only root may take a lower nice value than the bot was given.
    own.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else max(10, own.nice()))


def _environment() -> dict[str, str]:
    # Where this package lies: it need not be installed.
    paths = (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
    return engine_environment(os.environ) | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
