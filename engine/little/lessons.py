"""Running a stage of training: step after step, with checkpoints that go on where it stopped, bit for bit.

Every random number of a step comes from a generator seeded by the stage and the step, so that a checkpoint needs no
generator states and a step can be done again.
"""

from __future__ import annotations

import logging
import time
import zlib
from pathlib import Path
from typing import Any, Protocol

import torch

from engine.plan import bucket
from storage import files

_log = logging.getLogger(__name__)

_SHAPES = ((1, 1), (1, 1), (3, 4), (4, 3), (9, 16), (16, 9), (2, 3), (3, 2), (9, 20), (20, 9))
"""Height to width of the pictures that are practised on."""
SAVE_EVERY_S = 90
LOG_EVERY_S = 20


class Stage(Protocol):
    """Something that is taught in steps."""

    name: str
    steps: int

    def step(self, index: int) -> float:
        """Learn from the batch of this number. Returns the loss."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that later steps depend on, as torch.save keeps it."""
        ...

    def load(self, state: dict[str, Any]) -> None: ...


def teach(stage: Stage, folder: Path, *, save_every_s: float = SAVE_EVERY_S) -> None:
    """Run a stage to its end, from its checkpoint where there is one."""
    path = checkpoint_path(folder, stage.name)
    first = 0
    if path.exists():
        kept = torch.load(path, weights_only=True)
        stage.load(kept["state"])
        first = kept["step"]
    if first >= stage.steps:
        return
    average = None
    saved = logged = time.monotonic()
    since = first
    for index in range(first, stage.steps):
        loss = stage.step(index)
        average = loss if average is None else 0.97 * average + 0.03 * loss
        now = time.monotonic()
        last = index + 1 == stage.steps
        if last or now - logged > LOG_EVERY_S:
            rate = (index + 1 - since) / max(now - logged, 1e-9)
            _log.info("%s: step %d of %d, loss %.4f, %.2f steps/s", stage.name, index + 1, stage.steps, average, rate)
            logged, since = now, index + 1
        if last or now - saved >= save_every_s:
            save(path, {"step": index + 1, "state": stage.state()})
            saved = now


def checkpoint_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.pt"


def save(path: Path, value: Any) -> None:
    """Atomically: a killed training leaves the checkpoint before or this one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    torch.save(value, unfinished)
    files.replace(unfinished, path)


def dice(stage: str, step: int, device: torch.device) -> torch.Generator:
    """The random numbers of one step."""
    return torch.Generator(device).manual_seed(zlib.crc32(f"{stage} {step}".encode()))


def some_shape(generator: torch.Generator, size: int) -> tuple[int, int]:
    """Height and width of a bucket of this class."""
    choice = int(torch.randint(len(_SHAPES), (), generator=generator, device=generator.device))
    return bucket(*_SHAPES[choice], size)


def ramp(step: int, steps: int, *, warm_up: int, decay: float) -> float:
    """Learning rate as a share of the highest: up over `warm_up` steps, down to a twentieth over the last share."""
    left = (steps - step) / max(steps * decay, 1)
    return min(1.0, (step + 1) / warm_up) * max(0.05, min(1.0, left))
