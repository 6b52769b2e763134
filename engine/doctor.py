"""What the engine can say about its machine: PyTorch, card, attention, memory, weights."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from storage.errors import FlipbookError
from storage.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    ok: bool
    detail: str


def examine(settings: Settings) -> Iterator[Check]:
    """Check after check, cheap ones first; none of them raises."""
    import torch

    yield Check(name="python", ok=True, detail=f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield Check(name="torch", ok=True, detail=torch.__version__)
    yield _memory()
    if torch.cuda.is_available():
        yield from _card()
    else:
        wanted = settings.engine.device == "cuda"
        detail = f"no NVIDIA card that PyTorch can use; the CPU's {torch.get_num_threads()} threads draw"
        yield Check(name="card", ok=not wanted, detail=detail + (' (engine.device = "cuda")' if wanted else ""))
    yield _weights(settings)


def _memory() -> Check:
    memory = psutil.virtual_memory()
    detail = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free"
    return Check(name="memory", ok=True, detail=detail)


def _card() -> Iterator[Check]:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    from engine.weights.models import COMPUTE_CAPABILITY_MIN

    name = torch.cuda.get_device_name()
    capability = torch.cuda.get_device_capability()
    free, total = torch.cuda.mem_get_info()
    yield Check(
        name="card",
        ok=capability >= COMPUTE_CAPABILITY_MIN,
        detail=f"{name}, compute capability {capability[0]}.{capability[1]} (8.0 or newer is needed)",
    )
    yield Check(name="vram", ok=True, detail=f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free")
    query = torch.randn(1, 4, 256, 128, device="cuda", dtype=torch.bfloat16)
    try:
        with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]):
            torch.nn.functional.scaled_dot_product_attention(query, query, query)
    except RuntimeError as exc:
        yield Check(name="attention", ok=False, detail=f"no fast attention kernel works here: {exc}")
    else:
        yield Check(name="attention", ok=True, detail="a fast kernel works")


def _weights(settings: Settings) -> Check:
    from engine.weights import examine_weights

    model = settings.engine.model
    try:
        detail = examine_weights(model, settings.engine.weights)
    except FlipbookError as exc:
        return Check(name="weights", ok=False, detail=str(exc))
    return Check(name="weights", ok=True, detail=f"{model}: {detail}")
