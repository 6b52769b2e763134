"""What a language must say on Discord alone: names of commands, fields and buttons, and Discord's own refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A command or an option. Names: 1 to 32 characters, lower case, no blanks. Help: at most 100."""

    name: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordWords:
    """Sentences with `{named}` gaps, plain text as in `Table`."""

    # Commands; English names are what Discord sends back, the others are shown instead of them.
    animate: Named
    image: Named
    prompt: Named
    seconds: Named
    end_image: Named
    seed: Named
    style: Named
    spoiler: Named
    queue: Named
    quota: Named
    history: Named
    privacy: Named
    link: Named
    code: Named
    help: Named
    animate_message: str
    """Of the message's menu, at most 32 characters; blanks and capitals are fine here."""

    # Forms: titles and labels of at most 45 characters
    form_title: str
    form_picture: str
    form_picture_number: str
    """{number}, {name}"""
    form_prompt: str
    form_seconds: str
    edit_title: str
    """{request_id}"""

    # Pages
    help_text: str
    earlier: str
    newest: str
    post_again: str
    post_again_film: str
    """{request_id}: an entry of the list."""

    # What stands in for a permission's name, as Discord's own settings show it
    permissions: Mapping[str, str]

    # Refusals
    permission_missing: str
    """{permissions}"""
    thread_locked: str
    no_pictures: str
    """The message that was chosen holds none."""
    form_forgotten: str
    """The bot started again while the form was open."""
    upload_empty: str
    upload_too_large: str
    """{most}: megabytes"""
    upload_expired: str
    upload_slow: str
    """{seconds}"""
    upload_failed: str
    again_soon: str
    """One film is posted again at a time, with a pause after it."""
    again_too_large: str
    """{request_id}"""
    again_closed: str
    forged: str
    no_longer: str
    """A control of an earlier version."""
    broken: str
    """A mistake of ours."""
    unanswered: str
    """Discord took no answer to a command or a press in time; nothing was begun."""
    lost_before_accepted: str
    """The bot was killed between the acknowledgement and the commit."""

    # Below a sentence; {when} is a moment that Discord words and keeps true itself: "in 11 minutes"
    begins: str
    """{when}: of a film that waits."""
    enough: str
    """{when}: of a member's quota, enough for the film that was refused."""

    # Answers that only one member sees
    asked: str
    """{request_id}: accepted; its status is a message of its own."""
    deleted: str
    """{request_id}"""
    deleted_not_all: str
    """{request_id}: some of its messages stand where the bot may not take them away."""
    hidden: str
    """{request_id}"""
    hide_counted: str
    """{request_id}: one of several wishes."""
    link_code: str
    """{code}, {minutes}"""
    linked: str
    posted_again: str
    """{request_id}"""
