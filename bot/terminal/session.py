"""One film from wish to file in a terminal: through the same desk, store, relay and engine as any other."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from bot.app import Work, at_work, open_house
from bot.desk import Accepted, Desk
from bot.doctor import engine_checks
from bot.signals import END_SIGNALS, on_stop
from bot.supervisor import Patience
from bot.terminal.chat import PERSON, PLATFORM, Ending, Screen, TerminalChat
from bot.terminal.screens import Lines, LiveScreen
from bot.terminal.settings import make_out
from bot.wording import table
from bot.wording.views import model_note
from storage.clock import Clock
from storage.errors import EngineLost, OwnerError, WeightsMissing
from storage.jobs import JobState, Status
from storage.models import MODELS, model_card
from storage.outputs import when_closed
from storage.settings import Settings

PATIENCE = Patience(restart_max_s=5.0, deaths_max=3)
"""A person is watching: three deaths in a row are said, not waited out."""

END_S = 30.0
"""From SIGTERM on: the engine is killed at once, and messages under way have `RELAY_STOP_S`."""

LIVE_COLUMNS_MIN = 60
"""Narrower, the bars would break."""

Ask = Callable[[Desk], Awaitable[Accepted]]
"""What is asked of the desk: a new film, a reroll, an extension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    status: Status
    ending: Ending | None
    """None where the person left before the end."""


async def draw(settings: Settings, out: Path, ask: Ask, console: Console, clock: Clock) -> Outcome:
    """Ask, start the engine, show the film grow, say where it lies.

    The first Ctrl-C cancels the film, the second leaves at once, as do other signals and an output that nobody reads.
    Raises FlipbookError where the wish is refused (before anything is started) or no engine can draw it.
    """
    out = await asyncio.to_thread(make_out, out)
    await asyncio.to_thread(_require_engine, settings)
    async with open_house(settings, clock) as house:
        presses = _Presses()
        # Before it is accepted: a Ctrl-C just after that would leave a film in the queue that nobody waits for.
        with (
            on_stop(presses.press, (signal.SIGINT,)),
            on_stop(presses.leave, END_SIGNALS, end_s=END_S),
            when_closed(partial(asyncio.get_running_loop().call_soon_threadsafe, presses.leave)),
        ):
            accepted = await ask(house.desk)
            request_id = accepted.status.request_id
            live = console.is_terminal and not console.is_dumb_terminal and console.width >= LIVE_COLUMNS_MIN
            with LiveScreen(console) if live else Lines(console) as screen:
                for note in _notes(accepted):
                    screen.say(note)
                chat = TerminalChat(screen, out)
                async with at_work(house, {PLATFORM: chat}, PATIENCE) as work:
                    try:
                        ending = await _see_through(house.desk, chat, request_id, work, presses, screen)
                    except EngineLost:
                        # Nobody will draw it: it must not wait for whoever starts here next.
                        await house.desk.cancel(request_id, PERSON)
                        raise
                for line in _closing(ending):
                    screen.say(line)
        return Outcome(status=await house.desk.status(request_id), ending=ending)


def _require_engine(settings: Settings) -> None:
    """Ask the engine before anything is promised. Raises OwnerError."""
    if model_card(settings.engine.model).built_in:
        return
    for check in engine_checks(settings):
        if check.name == "weights" and not check.ok:
            raise WeightsMissing(check.detail)
        if check.name in ("card", "memory", "vram") and not check.ok:
            raise OwnerError(f"This machine cannot draw with “{settings.engine.model}”: {check.detail}")


class _Presses:
    """Ctrl-C, counted."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()

    def press(self) -> None:
        (self.second if self.first.is_set() else self.first).set()

    def leave(self) -> None:
        self.first.set()
        self.second.set()


async def _see_through(
    desk: Desk, chat: TerminalChat, request_id: int, work: Work, presses: _Presses, screen: Screen
) -> Ending | None:
    end = asyncio.create_task(chat.ended(request_id))
    first = asyncio.create_task(presses.first.wait())
    second = asyncio.create_task(presses.second.wait())
    try:
        await work.watch(asyncio.wait((end, first), return_when=asyncio.FIRST_COMPLETED))
        if end.done():
            return end.result()
        screen.say("Cancelling… (Ctrl-C again leaves at once)")
        await desk.cancel(request_id, PERSON)
        if not second.done():
            await work.watch(asyncio.wait((end, second), return_when=asyncio.FIRST_COMPLETED))
        if end.done():
            return end.result()
        work.hurry()
        return None
    finally:
        for task in (end, first, second):
            task.cancel()


def _notes(accepted: Accepted) -> list[str]:
    status = accepted.status
    notes = list(accepted.notes)
    if note := model_note(table(status.member.locale), status.params.model):
        notes.append(f"⚠️ {note}")
    if status.position is not None and status.position > 1:
        notes.append(f"{status.position - 1} earlier film(s) of this folder come first.")
    return notes


def _closing(ending: Ending | None) -> list[str]:
    """Where everything lies."""
    if ending is None:
        return ["Left at once: the film is cancelled and paid back; a preview that was shown stays in the folder."]
    lines: list[str] = []
    if ending.film is not None:
        lines.append(f"MP4   {ending.film}")
    if ending.gif is not None:
        lines.append(f"GIF   {ending.gif}")
    if ending.status.state is JobState.CANCELLED:
        kept = f"the newest preview is kept: {ending.preview}" if ending.preview else "no preview was made yet"
        lines.append(f"{ending.status.sections_done} part(s) had been drawn; {kept}")
    if ending.status.state is JobState.DONE:
        number, card = ending.status.request_id, MODELS.get(ending.status.params.model)
        words = "" if card is None or card.seed_varies else ' "other words"'
        lines.append(f"This is film {number}: `reroll {number}{words}` draws another one.")
    return lines


def as_json(outcome: Outcome) -> dict[str, object]:
    """The outcome for programs. Paths are absolute; what does not exist is null."""
    status, ending = outcome.status, outcome.ending
    result, params = status.result, status.params

    def path(of: Path | None) -> str | None:
        return None if of is None else str(of)

    return {
        "request_id": status.request_id,
        "state": status.state.value,
        "mp4": path(ending.film if ending else None),
        "gif": path(ending.gif if ending else None),
        "preview": path(ending.preview if ending else None),
        "seed": params.seed,
        "seconds": params.duration_ms / 1000,
        "frames": result.frames if result else None,
        "width": result.width if result else None,
        "height": result.height if result else None,
        "took_s": _took_ms(status) / 1000 if status.ended_ms is not None else None,
        "prompt": params.prompt,
        "model": params.model,
        "schedule": params.schedule.value,
        "steps": params.steps,
        "error": status.failure.sentence if status.failure else None,
    }


def _took_ms(status: Status) -> int:
    return max(0, (status.ended_ms or 0) - (status.started_ms or status.created_ms))
