"""A stand-in for the engine process: `child.py BEHAVIOUR WORKER`. What it does, it does for real."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TextIO


def main(behaviour: str, worker: str) -> int:
    match behaviour:
        case "crash":
            say(sys.stdout, f"starting {worker}")
            say(sys.stderr, "Traceback: the card fell off the bus")
            return 3
        case "owner":
            say(sys.stderr, "loading")
            say(sys.stderr, "The weights in /models are half downloaded; run the download again.")
            return 78
        case "paused":
            return 77
        case "serve":
            say(sys.stdout, f"ready {worker}")
            sys.stdin.read()
            say(sys.stdout, f"stopped cleanly {worker}")
            return 0
        case "deaf":
            say(sys.stdout, f"ready {worker}")
            while True:
                time.sleep(60)
        case "environment":
            say(sys.stdout, json.dumps(dict(os.environ)))
            sys.stdin.read()
            return 0
        case "chatter":
            for number in range(60_000):
                say(sys.stderr, f"line {number} " + "x" * 100)
            sys.stderr.write("no end of line " * 5_000)
            sys.stderr.flush()
            say(sys.stdout, f"ready {worker}")
            sys.stdin.read()
            return 0
        case _:
            raise ValueError(behaviour)


def say(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
