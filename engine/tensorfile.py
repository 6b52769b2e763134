"""Tensors in one safetensors file: written whole or not at all, and refused if a single bit is off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from storage.files import write_atomically

_FACTS = "flipbook"


class TensorFileDamaged(Exception):
    """The file is truncated, altered, or no tensor file at all."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> None:
    """Write tensors of any device and their facts, flushed to the disk before the name appears.

    Raises OSError, and then leaves an earlier file of that name as it was.
    """
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # One entry: safetensors writes several in any order, and equal contents must be equal bytes.
    told = json.dumps({**facts, "digest": digest_tensors(on_cpu, facts)}, sort_keys=True)
    data = safetensors.torch.save(on_cpu, {_FACTS: told})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data, durable=True)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors on the CPU, and the facts. Raises FileNotFoundError, TensorFileDamaged."""
    try:
        with safe_open(path, framework="pt") as file:
            facts: dict[str, str] = json.loads((file.metadata() or {})[_FACTS])
            # Copied: the file may be replaced while its tensors live, and Windows refuses that for mapped files.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (no mapping)
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError) as exc:
        raise TensorFileDamaged(f"{path.name} is not a whole tensor file: {exc}") from exc
    if facts.pop("digest", None) != digest_tensors(tensors, facts):
        raise TensorFileDamaged(f"{path.name} does not hold what was written to it")
    return tensors, facts


def digest_tensors(tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> str:
    """SHA-256 over facts, and over names, types, shapes and bytes of tensors on the CPU."""
    sha = hashlib.sha256(repr(sorted(facts.items())).encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        sha.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()
