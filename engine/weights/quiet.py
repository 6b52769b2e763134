"""transformers and diffusers without progress bars: an engine's standard error is its log."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_loading() -> Iterator[None]:
    """While networks are read or written: no bars, no notes on layers that are left out on purpose."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # diffusers leaves a file that it has read without mapping to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()
