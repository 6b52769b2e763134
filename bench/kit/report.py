"""Figures with their promises: printed, remembered, and kept as a page where that is asked for."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path(__file__).parents[1] / "results"


@dataclass(frozen=True, slots=True)
class Times:
    """Of one operation, in milliseconds."""

    all_ms: list[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.all_ms)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.all_ms, n=100, method="inclusive")[98]

    def __str__(self) -> str:
        return f"p50 {self.p50:7.2f} ms   p99 {self.p99:7.2f} ms   (n = {len(self.all_ms)})"


class Report:
    """Prints each line at once and remembers whether all promises were kept."""

    def __init__(self) -> None:
        self.kept = True
        self._lines: list[str] = []
        self._load = _load()

    def say(self, line: str = "") -> None:
        print(line, flush=True)
        self._lines.append(line)

    def figure(self, name: str, figure: object, *, promise: str = "", kept: bool = True) -> None:
        verdict = "" if not promise else f"   promise {promise}: {'kept' if kept else 'BROKEN'}"
        self.say(f"{name:<30} {figure}{verdict}")
        self.kept &= kept

    def save(self, name: str, *, command: str, notes: str) -> Path:
        """The page `bench/results/NAME.md`, with the machine and the moment."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{name}.md"
        memory = psutil.virtual_memory().total / 2**30
        machine = (
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores, {memory:.0f} GiB, "
            f"{platform.system()} {platform.machine()}, Python {platform.python_version()} · "
            f"load average {self._load} before, {_load()} after"
        )
        body = "\n".join(self._lines)
        path.write_text(f"# `{command}`\n\n{machine}\n\n{notes}\n\n```\n{body}\n```\n", "utf-8")
        return path

    @property
    def exit_code(self) -> int:
        return 0 if self.kept else 1


def _load() -> str:
    return f"{psutil.getloadavg()[0]:.1f}"
