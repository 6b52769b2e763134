"""Where the platforms' published documents lie.

`FLIPBOOK_SPECS` names the folder; where it is not set, a `shared/specs` folder beside the repository is tried. Without
a document nothing is checked against it, and a warning says so; with FLIPBOOK_REQUIRE_SPECS=1 its absence is an error.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path


class SpecsAbsent(UserWarning):
    """A published document was not found: requests and answers go unchecked."""


def specs_file(name: str) -> Path | None:
    """A published document, or None where it is not at hand."""
    folder = os.environ.get("FLIPBOOK_SPECS")
    beside = Path(__file__).resolve().parents[3] / "shared" / "specs"
    file = (Path(folder) if folder else beside) / name
    if file.is_file():
        return file
    message = f"{file} is absent: nothing is checked against it (set FLIPBOOK_SPECS)"
    if os.environ.get("FLIPBOOK_REQUIRE_SPECS") == "1":
        raise FileNotFoundError(message)
    # The suite turns warnings into errors; this one is to be read, not to fail what can be tested without the document.
    with warnings.catch_warnings():
        warnings.simplefilter("always", SpecsAbsent)
        warnings.warn(message, SpecsAbsent, stacklevel=2)
    return None
