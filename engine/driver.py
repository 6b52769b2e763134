"""The NVIDIA driver: which one is installed, and which one PyTorch's CUDA needs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ASK_S = 15.0
"""The first call after a boot starts the driver's daemon."""
DRIVER_MIN = {11: 450, 12: 525, 13: 580}
"""By CUDA's major version: the oldest driver that runs all of its minor versions (CUDA's release notes)."""
_KERNEL_MODULE = Path("/proc/driver/nvidia/version")
_VERSION = re.compile(r"\b(\d{3,4}\.\d{1,3}(?:\.\d{1,3})?)\b")


def installed_driver() -> str | None:
    """Its version, such as "580.82.07"; None where there is none."""
    try:
        asked = subprocess.run(
            ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_S,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        asked = ""
    found = _VERSION.search(asked)
    if found is None and _KERNEL_MODULE.is_file():
        found = _VERSION.search(_KERNEL_MODULE.read_text("utf-8", "replace"))
    return None if found is None else found[1]


def driver_needed(cuda: str) -> str:
    """cuda: the version that PyTorch is built with, such as "13.0"."""
    least = DRIVER_MIN.get(int(cuda.partition(".")[0]))
    return f"CUDA {cuda} of PyTorch needs driver {least} or newer" if least else f"PyTorch is built with CUDA {cuda}"


def card_trouble(torch_version: str, cuda: str | None) -> str:
    """Why PyTorch finds no card, as far as it can be told, and what helps.

    cuda: as `torch.version.cuda`; None for a build without it.
    """
    if cuda is None:
        return f"this PyTorch ({torch_version}) is built without CUDA; docs/running.md says how to install another"
    needed, driver = driver_needed(cuda), installed_driver()
    if driver is None:
        return f"no NVIDIA driver is installed; {needed}"
    least = DRIVER_MIN.get(int(cuda.partition(".")[0]), 0)
    if int(driver.partition(".")[0]) < least:
        return f"driver {driver} is too old; {needed}"
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return f"driver {driver} is new enough, but CUDA_VISIBLE_DEVICES is “{visible}”"
    return f"driver {driver} is new enough, but it shows no card: restart the machine after a driver was installed"
