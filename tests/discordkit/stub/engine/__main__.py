"""The bot tests' stand-in for the engine, without the failpoints that are meant for the bot that starts it."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

if __name__ == "__main__":
    os.environ.pop("FLIPBOOK_FAILPOINTS", None)
    stub = Path(__file__).parents[3] / "botkit" / "stub" / "engine" / "__main__.py"
    runpy.run_path(str(stub), run_name="__main__")
