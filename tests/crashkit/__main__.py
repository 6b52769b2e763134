"""`PYTHONPATH=tests python -m crashkit [--long] [pytest options]`: the crash suite and its figures."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    root = Path(__file__).parents[2]
    where = ["--rootdir", str(root), "-c", str(root / "pyproject.toml"), str(root / "tests" / "crash")]
    sys.exit(pytest.main([*where, *sys.argv[1:]]))
