"""Buttons: what stands under a message, and what comes back when one is pressed.

`callback_data` comes from the member's own program, which may send anything at all: it is read strictly, and believed
only as far as the message that carried it is one of the request's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import Action, View
from bot.wording import table
from bot.wording.table import Table
from bot.wording.views import action_label
from storage.jobs import Status

DATA_BYTES_MAX = 64
PER_ROW = 2
EMOJI = {
    Action.REROLL: "⚡",
    Action.EDIT: "✏️",
    Action.EXTEND: "➕",
    Action.CANCEL: "✖️",
    Action.RETRY: "🔁",
    Action.SHORTER: "✂️",
    Action.DELETE: "🗑",
    Action.HIDE: "🙈",
}
AGAIN = "again"
"""A film from the history once more."""
PAGE = "page"
"""The films before a number; 0 for the newest."""

_ACTIONS = {action.value: action for action in Action}
_DATA = re.compile(rf"({'|'.join([*_ACTIONS, AGAIN, PAGE])}):([0-9]{{1,18}})")


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button of ours, as its data says."""

    what: Action | str
    number: int


def data(what: Action | str, number: int) -> str:
    return f"{what}:{number}"


def read_data(text: str | None) -> Pressed | None:
    """None for what we never wrote."""
    found = _DATA.fullmatch(text or "")
    if found is None:
        return None
    what, number = found.groups()
    return Pressed(_ACTIONS.get(what, what), int(number))


def keyboard(view: View) -> InlineKeyboardMarkup | None:
    """The buttons of a status or a film, in its member's language; an emoji never stands alone."""
    words = table(view.status.member.locale)
    request_id = view.status.request_id
    buttons = [
        InlineKeyboardButton(
            f"{EMOJI[action]} {action_label(words, action, view.status)}", callback_data=data(action, request_id)
        )
        for action in view.actions
    ]
    return _rows(buttons)


def history_keyboard(words: Table, kept: list[Status], *, before_id: int | None) -> InlineKeyboardMarkup | None:
    """Under a page of somebody's films: each kept one once more, and the page before."""
    own = words.telegram
    buttons = [
        InlineKeyboardButton(
            own.again_button.format(request_id=status.request_id), callback_data=data(AGAIN, status.request_id)
        )
        for status in kept
    ]
    if before_id is not None:
        buttons.append(InlineKeyboardButton(own.earlier_button, callback_data=data(PAGE, before_id)))
    return _rows(buttons)


def cancel_keyboard(words: Table, films: list[Status]) -> InlineKeyboardMarkup | None:
    """One of these: a command that is tapped is sent without its number."""
    label = f"{EMOJI[Action.CANCEL]} {words.actions[Action.CANCEL]}"
    return _rows(
        [
            InlineKeyboardButton(f"{label} {status.request_id}", callback_data=data(Action.CANCEL, status.request_id))
            for status in films
        ]
    )


def _rows(buttons: list[InlineKeyboardButton]) -> InlineKeyboardMarkup | None:
    if not buttons:
        return None
    return InlineKeyboardMarkup([buttons[start : start + PER_ROW] for start in range(0, len(buttons), PER_ROW)])
