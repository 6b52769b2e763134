"""One engine for a card: two on one would each find half its memory gone, and neither would say why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import torch

from storage.errors import DatabaseRefused, OwnerError
from storage.lock import hold

WAIT_S = 45.0
"""An engine whose bot was killed ends at its next block; the bot's successor must not take it for a rival."""
LOOK_S = 0.5


@asynccontextmanager
async def own_card(
    folder: Path, device: torch.device, stop: asyncio.Event, *, wait_s: float | None = None
) -> AsyncGenerator[None]:
    """Hold the card for this data folder until the block ends or the process dies. Processors may be shared.

    Raises OwnerError where another engine still has it after `wait_s` (WAIT_S where None is given). Once `stop`
    is set it waits no longer, and the block begins without the card: there will be nothing to draw.
    """
    name = lock_name(device)
    if name is None:
        yield
        return
    deadline_s = asyncio.get_running_loop().time() + (WAIT_S if wait_s is None else wait_s)
    with ExitStack() as held:
        while not stop.is_set():
            try:
                held.enter_context(hold(folder, name))
                break
            except DatabaseRefused as exc:
                if asyncio.get_running_loop().time() >= deadline_s:
                    raise OwnerError(
                        f"Another engine already draws on {_called(device)} for the data folder {folder}: "
                        "stop the other bot or engine, then start this one again."
                    ) from exc
            await asyncio.sleep(LOOK_S)
        yield


def lock_name(device: torch.device) -> str | None:
    """By the card's own number: its place among the visible ones differs between processes. None for a processor."""
    if device.type != "cuda":
        return None
    return f"engine-{torch.cuda.get_device_properties(device).uuid}"


def _called(device: torch.device) -> str:
    return torch.cuda.get_device_name(device)
