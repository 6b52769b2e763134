"""`python3 run.py bench fuzz_pictures [N] [--seed S]`: N hostile uploads through the processes that read them.

Each must end in a picture or a refusal; says how long they took, and which took longest.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from collections import Counter
from itertools import islice

import psutil

from bench.kit.hostile import hostile, sound_pictures
from bot.picture.readers import Readers
from storage.errors import RequestRejected
from storage.settings import IntakeSettings

SECONDS_MAX = 2.0


async def fuzz(count: int, seed: int) -> int:
    """How many took longer than SECONDS_MAX of CPU, or ended in anything else."""
    ends: Counter[str] = Counter()
    taken: list[tuple[float, float, str]] = []
    wrong: list[str] = []
    async with Readers(IntakeSettings()) as readers:
        for name, data in islice(hostile(sound_pictures(), random.Random(seed)), count):
            cpu_s, began_s = _children_s(), time.monotonic()
            try:
                picture = (await readers.read(data, whose="bench")).start
                ends["a picture"] += 1
                if not picture.png.startswith(b"\x89PNG"):
                    wrong.append(f"{name}: no PNG")
            except RequestRejected as exc:
                ends[exc.rule] += 1
            except Exception as exc:
                wrong.append(f"{name}: {exc!r}")
            taken.append((max(0.0, _children_s() - cpu_s), time.monotonic() - began_s, name))
    taken.sort(reverse=True)
    for rule, times in ends.most_common():
        print(f"{times:6d}  {rule}")
    cpu = [spent for spent, _, _ in taken]
    print(f"CPU time: median {cpu[len(cpu) // 2]:.3f} s, p99 {cpu[len(cpu) // 100]:.3f} s, most {cpu[0]:.3f} s")
    print(f"on the clock: most {max(clock for _, clock, _ in taken):.3f} s")
    for spent, clock, name in taken[:5]:
        print(f"  {spent:.3f} s CPU, {clock:.3f} s on the clock: {name}")
    late = sum(spent > SECONDS_MAX for spent in cpu) + ends["picture_costly"]
    for line in wrong:
        print(f"wrong: {line}")
    print(f"{count} uploads: {late} over {SECONDS_MAX:g} s, {len(wrong)} ended in neither a picture nor a refusal")
    return late + len(wrong)


def _children_s() -> float:
    """CPU time of the reading processes that live."""
    spent = 0.0
    for child in psutil.Process().children():
        try:
            times = child.cpu_times()
        except psutil.Error:
            continue
        spent += times.user + times.system
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    return 1 if asyncio.run(fuzz(options.count, options.seed)) else 0


if __name__ == "__main__":
    sys.exit(main())
