"""Exit codes of the `flipbook` command."""

from __future__ import annotations

from storage.outputs import EXIT_CLOSED

DONE = 0
FAILED = 1
"""A film that failed, or a check that is broken."""
REFUSED = 2
"""What a person must change first; nothing was done."""
INTERRUPTED = 130
"""Ctrl-C, as shells have it."""
OUTPUT_CLOSED = EXIT_CLOSED
"""Nobody reads what the command writes."""
