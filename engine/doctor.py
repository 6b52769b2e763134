"""What the engine can say about its machine: PyTorch, weights, memory, card, driver, attention."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from storage.errors import FlipbookError, OwnerError
from storage.lock import is_held
from storage.models import model_card
from storage.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    ok: bool
    detail: str


def examine(settings: Settings) -> Iterator[Check]:
    """Check after check; none of them raises."""
    import torch

    from engine.driver import card_trouble
    from engine.weights import examine_weights

    yield Check(name="python", ok=True, detail=f"{platform.python_version()} on {platform.platform(terse=True)}")
    cuda = torch.version.cuda
    yield Check(name="torch", ok=True, detail=f"{torch.__version__}, {f'CUDA {cuda}' if cuda else 'without CUDA'}")
    usable, wish = torch.cuda.is_available(), settings.engine.device
    if usable:
        yield from _card()
    else:
        trouble = card_trouble(torch.__version__, cuda)
        detail = f"no NVIDIA card that PyTorch can use: {trouble}; the CPU's {torch.get_num_threads()} threads draw"
        yield Check(name="card", ok=wish != "cuda", detail=detail + (' (engine.device = "cuda")' * (wish == "cuda")))
    model = settings.engine.model
    try:
        inventory = examine_weights(model, settings.engine.weights)
    except FlipbookError as exc:
        yield Check(name="weights", ok=False, detail=str(exc))
        return
    if inventory is None:
        yield Check(name="weights", ok=True, detail=f"{model}: made on first use")
        return
    where = settings.engine.weights if not model_card(model).built_in else "the package"
    detail = f"{model}: {inventory.byte_count / 1e9:.2f} GB in {where}, every file whole"
    yield Check(name="weights", ok=True, detail=detail)
    yield from _room(settings, on_card=usable and wish != "cpu")


def _room(settings: Settings, *, on_card: bool) -> Iterator[Check]:
    """Memory of machine and card against what drawing takes."""
    import torch

    from engine.machine import check_machine

    memory = psutil.virtual_memory()
    free, total = f"{memory.available / 1e9:.1f}", f"{memory.total / 1e9:.1f}"
    try:
        asked = check_machine(settings)
    except OwnerError as exc:
        yield Check(name="memory", ok=False, detail=f"{free} of {total} GB free. {exc}")
        return
    # A bot that runs has its engine's share already.
    ours = is_held(settings.data.folder, "bot")
    enough = ours or memory.available >= asked.memory_bytes
    takes = f"drawing takes {asked.memory_bytes / 1e9:.1f} GB ({asked.why})"
    note = "; the bot that runs has its share already" if ours else "" if enough else ": close other programs"
    yield Check(name="memory", ok=enough, detail=f"{free} of {total} GB free, {takes}{note}")
    if on_card:
        card_free, card_total = torch.cuda.mem_get_info()
        enough = ours or card_free >= asked.card_bytes
        note = "; the bot that runs has its share already" if ours else "" if enough else ": close what else uses it"
        detail = (
            f"{card_free / 1e9:.1f} of {card_total / 1e9:.1f} GB free, drawing takes {asked.card_bytes / 1e9:.1f} GB"
        )
        yield Check(name="vram", ok=enough, detail=detail + note)


def _card() -> Iterator[Check]:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    from engine.driver import driver_needed, installed_driver
    from engine.weights.models import COMPUTE_CAPABILITY_MIN

    name = torch.cuda.get_device_name()
    capability = torch.cuda.get_device_capability()
    yield Check(
        name="card",
        ok=capability >= COMPUTE_CAPABILITY_MIN,
        detail=f"{name}, compute capability {capability[0]}.{capability[1]} (8.0 or newer is needed)",
    )
    yield Check(
        name="driver", ok=True, detail=f"{installed_driver() or 'unknown'}; {driver_needed(torch.version.cuda or '0')}"
    )
    query = torch.randn(1, 4, 256, 128, device="cuda", dtype=torch.bfloat16)
    try:
        with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]):
            torch.nn.functional.scaled_dot_product_attention(query, query, query)
    except RuntimeError as exc:
        yield Check(name="attention", ok=False, detail=f"no fast attention kernel works here: {exc}")
    else:
        yield Check(name="attention", ok=True, detail="a fast kernel works")
