"""How long a person waits for the command to wake: `python -m bench.start [--runs N]`.

Prints medians and the slowest of N cold processes on a warm disk, next to a bare interpreter in the same
rounds: shared machines drift, and only the difference is ours.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

HELP_S_MAX = 0.5
CASES = {
    "python -c pass": ("-c", "pass"),
    "flipbook --help": ("-m", "bot", "--help"),
    "import bot.app": ("-c", "import bot.app"),
    "import bot.commands": ("-c", "import bot.commands"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(runs + 1):
        for name, arguments in CASES.items():
            started = time.perf_counter()
            subprocess.run((sys.executable, *arguments), stdout=subprocess.DEVNULL, check=True)
            if number:  # the first round warms the disk
                times[name].append(time.perf_counter() - started)
    bare = statistics.median(times["python -c pass"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:20} median {median:6.3f} s   slowest {max(seconds):6.3f} s   over bare {median - bare:+6.3f} s")
    reached = statistics.median(times["flipbook --help"]) < HELP_S_MAX
    print(f"flipbook --help under {HELP_S_MAX} s: {'yes' if reached else 'NO'} ({runs} runs)")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
