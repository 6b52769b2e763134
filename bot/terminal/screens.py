"""Two ways to watch a film grow: a live display in a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PIL import UnidentifiedImageError
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bot.chat import View
from bot.terminal.halfblocks import HalfBlocks, read_frames
from bot.wording.durations import stopwatch
from storage.jobs import JobState, Phase, Progress

PREVIEW_FRAMES_PER_S = 4
"""A frame costs about 8 ms of a core that may be the one that draws."""
PREVIEW_COLUMNS_MAX, PREVIEW_LINES_MAX = 72, 20
CONSOLE_LINES_MIN = 16
"""Below this height the preview would push the bars off the screen."""
BAR_COLUMNS = 36


class Lines:
    """For pipes, logs and narrow consoles: a line whenever the text says something new."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[int, str] = {}

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def show(self, view: View) -> None:
        if self._last.get(view.status.request_id) != view.text:
            self._last[view.status.request_id] = view.text
            self.say(view.text)

    def forget(self, request_id: int) -> None:
        self._last.pop(request_id, None)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveScreen:
    """The newest view, redrawn in place: text, a bar for the film, one for the part, the preview in motion."""

    def __init__(self, console: Console, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._monotonic = monotonic
        self._view: View | None = None
        self._frames: list[HalfBlocks] = []
        self._live = Live(
            self,
            console=console,
            refresh_per_second=PREVIEW_FRAMES_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def show(self, view: View) -> None:
        if view.status.state.terminal:
            self._view = None
            self.say(view.text)
            return
        if view.media is not None and self._has_room():
            self._frames = self._read(view.media)
        self._view = view

    def forget(self, request_id: int) -> None:
        self._frames = []

    def say(self, text: str) -> None:
        """A line that stays, above the display. Never broken by us: paths are copied from it."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        view = self._view
        if view is None:
            return
        yield Text(view.text)
        if view.status.state is JobState.RUNNING and view.status.progress is not None:
            yield bars(view.status.progress)
        frames = self._frames  # another thread may replace them meanwhile
        if frames:
            yield frames[int(self._monotonic() * PREVIEW_FRAMES_PER_S) % len(frames)]

    def _has_room(self) -> bool:
        return self._console.color_system == "truecolor" and self._console.height >= CONSOLE_LINES_MIN

    def _read(self, path: Path) -> list[HalfBlocks]:
        columns = min(PREVIEW_COLUMNS_MAX, self._console.width - 2)
        lines = min(PREVIEW_LINES_MAX, self._console.height - 8)
        try:
            return read_frames(path, columns=columns, lines=lines)
        except (OSError, UnidentifiedImageError):
            return self._frames  # swept while it was read; the last one stays


def bars(progress: Progress) -> Group:
    """Film and part as bars, with the time left."""
    sections = max(1, progress.sections)
    # Decoding counts as one more step: a part is finished when it can be seen.
    part = 1.0 if progress.phase is Phase.ENCODING else min(1.0, progress.step / (progress.steps + 1))
    film = min(1.0, (progress.section + part) / sections)
    grid = Table.grid(padding=(0, 1))
    left = "" if progress.eta_ms is None else f"{stopwatch(progress.eta_ms)} left"
    grid.add_row("film", ProgressBar(total=1.0, completed=film, width=BAR_COLUMNS), f"{film:4.0%}", left)
    grid.add_row(
        f"part {min(progress.section + 1, sections)}/{sections}",
        ProgressBar(total=1.0, completed=part, width=BAR_COLUMNS),
        f"{progress.step}/{progress.steps}",
        progress.phase.value,
    )
    return Group(grid)
