"""Scripted misfortune: what goes wrong with which call, before or after its work."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from chatkit.telegram.model import Call, Json
from chatkit.telegram.refusals import CONFLICT

if TYPE_CHECKING:
    from collections.abc import Callable


class How(StrEnum):
    """What the bot sees instead of the answer."""

    STATUS = "status"
    """An HTTP error with a body of the Bot API's form, or of a proxy's (`html`)."""
    SILENCE = "silence"
    """No answer: the bot runs into its own time-out."""
    ABORT = "abort"
    """The connection breaks."""


@dataclass(slots=True)
class Fault:
    """`method` (any where it is "*") goes wrong `times` times, after `skip` calls that go well.

    after_work: what was asked for is done, and only the answer is lost.
    chat_id: only calls for this chat. only: a further condition on the call.
    """

    method: str
    how: How = How.STATUS
    status: int = 502
    description: str = "Bad Gateway"
    parameters: Json = field(default_factory=dict[str, object])
    html: bool = False
    after_work: bool = False
    times: int = 1
    skip: int = 0
    chat_id: int | None = None
    only: Callable[[Call], bool] | None = None
    seen: int = 0
    """How many calls it has changed."""

    def body(self) -> Json:
        body: Json = {"ok": False, "error_code": self.status, "description": self.description}
        return {**body, "parameters": self.parameters} if self.parameters else body


def bad_gateway(method: str, **when: Any) -> Fault:
    """502 by the proxy in front of the Bot API. when, here and below: further fields of Fault."""
    return Fault(method, html=True, **when)


def silence(method: str, **when: Any) -> Fault:
    """The work is done and no answer comes; after_work=False: not even the work."""
    return Fault(method, How.SILENCE, **{"after_work": True, **when})


def abort(method: str, **when: Any) -> Fault:
    return Fault(method, How.ABORT, **when)


def flood_wait(method: str, seconds: int, **when: Any) -> Fault:
    """429; who writes into the same chat again before the time has passed breaks a rule."""
    sentence = f"Too Many Requests: retry after {seconds}"
    return Fault(method, status=429, description=sentence, parameters={"retry_after": seconds}, **when)


def conflict(**when: Any) -> Fault:
    """409: another program polls with the same token."""
    return Fault("getUpdates", status=409, description=CONFLICT, **when)


def refuse(method: str, status: int, description: str, **when: Any) -> Fault:
    """Any refusal, such as 403 "Forbidden: bot was blocked by the user"."""
    return Fault(method, status=status, description=description, **when)


class Download(StrEnum):
    """What goes wrong with a file's bytes."""

    MISSING = "missing"
    """404, as for a path that has expired."""
    SLOW = "slow"
    """A byte now and then, never all of them."""
    ENDLESS = "endless"
    """More and more bytes, without a Content-Length."""
    SHORT = "short"
    """Fewer bytes than Content-Length says; then the connection ends."""
    HTML = "html"
    """A page about an error, with status 200."""
    ABORT = "abort"
    """The connection breaks in the middle."""


@dataclass(slots=True)
class Faults:
    """Scripted faults, oldest first; each is used up after its `times`."""

    scripted: list[Fault] = field(default_factory=list[Fault])
    downloads: list[Download] = field(default_factory=list[Download])
    """What happens to the next downloads, one each."""

    def add(self, *faults: Fault) -> None:
        self.scripted += faults

    def clear(self) -> None:
        """From now on everything goes well."""
        self.scripted.clear()
        self.downloads.clear()

    def take(self, call: Call) -> Fault | None:
        """The fault for this call, if one is due."""
        for fault in self.scripted:
            if fault.method.lower() not in ("*", call.method.lower()):
                continue
            if fault.chat_id is not None and call.get("chat_id") != fault.chat_id:
                continue
            if fault.only is not None and not fault.only(call):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.seen += 1
            fault.times -= 1
            if fault.times <= 0:
                self.scripted.remove(fault)
            return fault
        return None
