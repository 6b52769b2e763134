"""Buttons under messages. What they are for stands in their custom_id, so they outlive every restart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import discord

from bot.chat import Action, View
from bot.wording import table
from bot.wording.views import action_label
from storage.jobs import JobState

ACTION_ID = r"fb:(?P<action>reroll|extend|edit|cancel|retry|shorter|delete|hide):(?P<request>[1-9][0-9]{0,17})"
"""At most 30 characters; Discord takes 100. Numbers stay below what the database holds."""
OURS = "fb:"

EMOJI = {
    Action.REROLL: "🔁",
    Action.EXTEND: "➕",
    Action.EDIT: "✏️",
    Action.CANCEL: "✖️",
    Action.RETRY: "🔁",
    Action.SHORTER: "✂️",
    Action.DELETE: "🗑️",
    Action.HIDE: "🙈",
}
STATUS_ACTIONS = (Action.CANCEL, Action.RETRY, Action.SHORTER)
FILM_ACTIONS = (Action.REROLL, Action.EXTEND, Action.EDIT, Action.DELETE, Action.HIDE)
PER_ROW = 5

_ACTION_ID = re.compile(ACTION_ID)


def custom_id(action: Action, request_id: int) -> str:
    return f"{OURS}{action.value}:{request_id}"


def read_custom_id(text: str) -> tuple[Action, int] | None:
    """What a button is for; None where it is none of these."""
    found = _ACTION_ID.fullmatch(text)
    return None if found is None else (Action(found["action"]), int(found["request"]))


def controls(view: View) -> discord.ui.View:
    """The buttons that a message offers, in the language of its requester."""
    shown = discord.ui.View(timeout=None)
    words = table(view.status.member.locale)
    for place, action in enumerate(view.actions):
        shown.add_item(
            button(action, view.status.request_id, action_label(words, action, view.status), row=place // PER_ROW)
        )
    return shown


def button(
    action: Action, request_id: int, label: str, *, row: int | None = None
) -> discord.ui.Button[discord.ui.View]:
    styles = {Action.CANCEL: discord.ButtonStyle.danger, Action.REROLL: discord.ButtonStyle.primary}
    return discord.ui.Button(
        label=label[:80],
        emoji=EMOJI[action],
        style=styles.get(action, discord.ButtonStyle.secondary),
        custom_id=custom_id(action, request_id),
        row=row,
    )


def film_ids(request_id: int) -> frozenset[str]:
    """What only the message with the request's film carries."""
    return frozenset(custom_id(action, request_id) for action in FILM_ACTIONS)


def status_ids(request_id: int) -> frozenset[str]:
    """What only the request's status message carries."""
    return frozenset(custom_id(action, request_id) for action in STATUS_ACTIONS)


def ids_in(components: Iterable[object]) -> Sequence[str]:
    """Every custom_id in a message, in rows or out of them."""
    found: list[str] = []
    for component in components:
        if isinstance(component, discord.ActionRow):
            found.extend(ids_in(component.children))
        elif isinstance(component, (discord.Button, discord.SelectMenu)) and component.custom_id is not None:
            found.append(component.custom_id)
    return found


def is_film(view: View) -> bool:
    """Whether the view is a finished film, not the status that stands before it."""
    return view.status.state is JobState.DONE and view.media is not None
