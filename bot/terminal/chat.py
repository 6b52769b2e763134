"""A `Chat` for one person at a terminal: messages are lines and bars, films are files in their folder."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.chat import ChatUnavailable, Limits, Slip, View
from storage import files
from storage.errors import OwnerError
from storage.jobs import JobState, Member, MessageRef, Place, Status

PLATFORM = "terminal"
PERSON = Member(platform=PLATFORM, user_id="you", name="you")
HOME = Place(platform=PLATFORM, community_id="home", chat_id="terminal")


class Screen(Protocol):
    """What draws the views: a live display, or plain lines where there is no terminal.

    `show` may decode a preview and write to a slow terminal: it is called in a thread.
    """

    def show(self, view: View) -> None: ...

    def forget(self, request_id: int) -> None: ...

    def say(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a request ended, and the files it left in the output folder."""

    status: Status
    film: Path | None = None
    gif: Path | None = None
    preview: Path | None = None


class TerminalChat:
    """Implements `bot.chat.Chat`. Message ids are the nonces, so a repeated post or delivery is the same message."""

    def __init__(self, screen: Screen, out: Path) -> None:
        """out: an existing folder for films and previews."""
        self._screen = screen
        self._out = out
        self._endings: dict[int, asyncio.Future[Ending]] = {}

    @property
    def platform(self) -> str:
        return PLATFORM

    @property
    def limits(self) -> Limits:
        return Limits(edit_interval_s=0.1, media_interval_s=0.2, upload_bytes_max=2**40, draws_progress=True)

    async def post(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        ref = MessageRef(platform=PLATFORM, chat_id=place.chat_id, message_id=nonce)
        await self.edit(ref, view)
        return ref

    async def edit(self, ref: MessageRef, view: View) -> None:
        if view.media is not None:
            # Lossy, as progress is: a viewer may hold the last preview (Windows), or this one is already swept.
            with suppress(OSError):
                await asyncio.to_thread(files.copy, view.media, self.preview_path(view.status))
        await asyncio.to_thread(self._screen.show, view)
        if view.status.state.terminal and view.status.state is not JobState.DONE:
            self._settle(Ending(status=view.status, preview=await asyncio.to_thread(self._kept_preview, view.status)))

    async def deliver(self, place: Place, view: View, *, nonce: str, slip: Slip) -> MessageRef:
        """Copy the film into the output folder under its number and seed; then it is the person's own."""
        status = view.status
        try:
            film = await asyncio.to_thread(self._export, view.media, status)
            gif = await asyncio.to_thread(self._export, view.gif, status)
        except OSError as exc:
            reason = exc.strerror or str(exc)
            self._give_up(
                status.request_id, f"The film cannot be written to {self._out}: {reason}; it is {view.media}."
            )
            raise ChatUnavailable(reason) from exc
        await asyncio.to_thread(self._screen.show, view)
        preview = await asyncio.to_thread(self._kept_preview, status)
        self._settle(Ending(status=status, film=film, gif=gif, preview=preview))
        return MessageRef(platform=PLATFORM, chat_id=place.chat_id, message_id=nonce)

    async def remove(self, ref: MessageRef) -> None:
        """A line that scrolled by cannot be taken back, and the film is shown in its stead."""

    async def tell(self, member: Member, text: str) -> bool:
        await asyncio.to_thread(self._screen.say, text)
        return True

    async def ended(self, request_id: int) -> Ending:
        """Wait for a request to be delivered, or shown as failed, cancelled or expired.

        Raises OwnerError where the film could not be written to the output folder.
        """
        return await self._ending(request_id)

    def preview_path(self, status: Status) -> Path:
        return self._out / f"{file_stem(status)}-preview.gif"

    def _kept_preview(self, status: Status) -> Path | None:
        path = self.preview_path(status)
        return path if path.is_file() else None

    def _export(self, source: Path | None, status: Status) -> Path | None:
        if source is None:
            return None
        target = self._out / f"{file_stem(status)}{source.suffix}"
        files.copy(source, target)
        return target

    def _ending(self, request_id: int) -> asyncio.Future[Ending]:
        if request_id not in self._endings:
            self._endings[request_id] = asyncio.get_running_loop().create_future()
        return self._endings[request_id]

    def _give_up(self, request_id: int, sentence: str) -> None:
        future = self._ending(request_id)
        if not future.done():
            future.set_exception(OwnerError(sentence))

    def _settle(self, ending: Ending) -> None:
        self._screen.forget(ending.status.request_id)
        future = self._ending(ending.status.request_id)
        if not future.done():
            future.set_result(ending)


def file_stem(status: Status) -> str:
    """The seed in the name keeps films of an emptied data folder, whose numbers start again, apart."""
    return f"film-{status.request_id:04d}-seed-{status.params.seed}"
