"""What a language must say on Telegram alone: the menu of commands, answers, and Telegram's own refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramWords:
    """Sentences with `{named}` gaps, plain text as in `Table`."""

    commands: Mapping[str, str]
    """What the menu says of each command: at most 256 characters."""
    permissions: Mapping[str, str]
    """What stands in for a permission's name, as a group's own settings show it."""

    animate_help: str
    """What /animate alone explains."""
    help_text: str
    """{username}: of the bot."""
    album_note: str
    words_alone: str
    """In private, to talk without a picture."""
    picture_alone: str
    """In private, to a picture without words."""
    unknown_command: str
    """{command}"""
    mistyped_command: str
    """{command}, {meant}: a command that is written nearly so."""
    in_channel: str

    # The film
    film_line: str
    """{name}: calls the requester, and becomes the film a moment later."""
    again_button: str
    """{request_id}"""
    earlier_button: str
    edit_ask: str
    """{name}, {film}"""
    edit_film: str
    """{request_id}: fills {film}."""
    edit_placeholder: str
    """In the empty field, at most 64 characters."""

    # Answers
    in_private: str
    """Of a command whose answer is for one person."""
    private_button: str
    cancel_none: str
    cancel_which: str
    """{numbers}: commands, one for each film."""
    cancel_done: str
    """{request_id}"""
    cancel_over: str
    """{request_id}, {state}: it has ended otherwise."""
    cancel_wished: str
    """{request_id}: the engine hears of it within seconds."""
    asked: str
    """{request_id}"""
    deleted: str
    """{request_id}"""
    deleted_not_all: str
    """{request_id}"""
    hidden: str
    """{request_id}"""
    hide_counted: str
    """{request_id}"""
    posted_again: str
    """{request_id}"""
    again_soon: str
    again_refused: str
    """{request_id}"""
    link_code: str
    """{code}, {minutes}"""
    link_done: str

    # Refusals
    permission_missing: str
    """{permissions}"""
    anonymous: str
    """Asked by a channel, or by an admin who hides behind the group."""
    no_picture: str
    """A sticker, a video, a voice, a file of another kind."""
    sticker_animated: str
    """Drawn by the member's own program, frame by frame: there is no picture in the file."""
    upload_too_large: str
    """{most}: megabytes"""
    upload_expired: str
    upload_slow: str
    """{seconds}"""
    upload_failed: str
    given_up: str
    """The bot has twice not lived to the end of it."""
    took_too_long: str
    forged: str
    unreachable: str
    broken: str
    """A mistake of ours."""
