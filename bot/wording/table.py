"""What a language must say. One instance per language; a missing sentence is a type error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.chat import Action
from bot.wording.discord_words import DiscordWords
from bot.wording.telegram_words import TelegramWords


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A way to move, chosen by name."""

    name: str
    phrase: str
    """What is added to the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Sentences with `{named}` gaps; the gaps of a sentence are the same in every language.

    The words are plain text: an adapter escapes the whole of it for its platform, so a prompt stays inert.
    """

    ordinal: Callable[[int], str]
    """1 → "1st"."""
    decimal_mark: str

    # What a film is
    film: str
    """{prompt}, {seconds}"""
    film_seed: str
    """{seed}: appended to `film`."""
    film_style: str
    """{style}: appended to `film`."""
    film_gif: str
    """Appended to `film` where it was asked for as a GIF."""
    film_covered: str
    """Appended to `film` where it was asked to be covered."""
    alt_text: str
    """{prompt}"""
    model_note: str
    """{model}, {note}: appended where a model needs explaining."""
    model_notes: Mapping[str, str]
    """By model name; the model card's own note stands in for what is absent."""
    wish_beyond_model: str
    """Of a model that was taught camera and light alone: what it will do instead, and what may be asked."""
    model_stays_lit: str
    """Of a film that is to end black, where the model was taught no further than to dark."""
    model_stands_still: str
    """{most} seconds: of a film that is longer."""
    seed_varies_nothing: str
    """Instead of another film of the same words, where it would be nearly the same film."""

    styles: Mapping[str, Style]
    """By the name that every adapter sends: "gentle", "lively", "cinematic"."""

    # States
    queued: str
    """{position}, {wait}, {film}"""
    queued_unmeasured: str
    """{position}, {film}: no wait is known yet."""
    interrupted: str
    """{position}, {film}"""
    paused: str
    """{position}, {film}: the owner has the card until they say otherwise."""
    paused_for_now: str
    """{position}, {film}: the owner has the card for a set time."""
    engine_down: str
    """{since}: a moment in UTC; {position}, {film}"""
    starting: str
    """{film}"""
    part: str
    """{part}, {parts}"""
    part_left: str
    """{left}: appended to `part`."""
    ending_first: str
    """Appended while the inverted schedule draws."""
    finishing: str
    """All parts are drawn; the film is being put together."""
    done: str
    """{film}, {took}"""
    prompt_unread: str
    """{kept}, {count}: appended to a film whose prompt was longer than the model reads; its last words that counted."""
    credit: str
    """{name}: appended to a film that comes from somebody else's."""
    first_frame: str
    """Of an animated upload the film starts from its first frame."""
    cropped_width: str
    """{percent}: of a wide picture's width that the film shows."""
    cropped_height: str
    """{percent}"""
    letterboxed: str
    reduced_quality: str
    """What was given up so that a film can be sent: only its quality."""
    reduced_sides: str
    """{width}, {height}: of the sent film, whose own sides are larger."""
    reduced_to_gif: str
    film_lost: str
    """Drawn, but damaged on the host's disk before anybody saw it."""
    purged: str
    """Of a film in a list: its files are no longer kept."""
    unreached: str
    """Of a film in a list: it could not be brought to where it was asked for."""
    failed: str
    """{reason}"""
    failures: Mapping[str, str]
    """By failure code; the engine's own sentence stands in for what is absent."""
    cancelled: str
    """{name}, {returned}"""
    cancelled_nothing_returned: str
    """{name}"""
    cancelled_by_other: str
    """{returned}"""
    expired: str
    """{hours}"""

    closed_done: str
    """{film}: told in private where its chat takes no messages any more; the history shows it."""
    closed_ended: str
    """{film}, {ending}: the same of a request that ended without a film."""

    # Durations
    seconds: str
    """{count}"""
    minutes: str
    """{count}"""
    hours: str
    """{hours}, {minutes}"""

    actions: Mapping[Action, str]
    queue_again: str
    """What trying again is called where nothing went wrong: the request only waited too long."""

    # Refusals: what is wrong and what helps
    seconds_refused: str
    """{given}, {least}, {most}"""
    seed_refused: str
    """{given}, {most}"""
    steps_refused: str
    """{given}, {least}, {most}"""
    size_refused: str
    """{given}, {least}, {most}, {multiple}"""
    schedule_unknown: str
    """{given}, {model}, {allowed}"""
    style_unknown: str
    """{given}, {allowed}"""
    option_unread: str
    """{given}: what looks like an option and stays part of the prompt."""
    prompt_too_long: str
    """{count}, {most}"""
    end_picture_forward: str
    end_picture_forward_only: str
    """{model}: this model draws only forward."""
    unknown_request: str
    """{request_id}"""
    not_done: str
    """{request_id}, {state}"""
    not_ended: str
    """{request_id}, {state}: only what ended without a film can be tried again."""
    not_yours: str
    """{request_id}"""
    other_model: str
    """{request_id}, {drawn}, {served}"""
    media_gone: str
    """{request_id}"""
    disk_full: str
    stopping: str
    """The bot is about to stop: nothing new is taken down."""
    quota: str
    """{left}, {where}, {needed}, {back}"""
    quota_try: str
    """{left}, {where}, {needed}, {possible}, {back}"""
    quota_everywhere: str
    """Fills {where}: what other communities were asked for counts; empty where it does not."""
    quota_back: str
    """{wait}: fills {back}."""
    refused_end_picture: str
    """{reason}: what is wrong with it, a sentence of its own."""
    refusals: Mapping[str, str]
    """By `storage.errors.Rule`, with its gaps; the error's own sentence stands in for what is absent."""

    # Pages
    queue_title: str
    queue_empty: str
    queue_line: str
    """{position}, {film}, {name}"""
    queue_line_drawn: str
    """{film}, {name}"""
    queue_wait: str
    """{wait}: appended to `queue_line`."""
    queue_more: str
    """{count}: of those that are not listed."""
    yours: str
    """In place of one's own name."""
    quota_page: str
    """{left}, {where}, {burst}, {refill}, {queued}, {running}"""
    quota_here: str
    """Fills {where}: this community's share is the smaller one."""
    quota_card: str
    """{burst}, {wait}: how long this host's card draws at so much film."""
    history_title: str
    history_empty: str
    history_line: str
    """{request_id}, {state}, {film}"""
    privacy: str
    """{hours}, {days}"""

    states: Mapping[str, str]
    """By `JobState` value, as the end of "this request is …"."""

    # Linking two platforms' accounts
    link_refused: str
    """{minutes}: wrong, used or expired: which of them is nobody's business who guesses."""
    link_tried_out: str
    """{wait}"""
    link_same: str
    """{platform}"""
    link_taken: str
    """{platform}"""
    platforms: Mapping[str, str]
    """Their names, as they stand in a sentence."""

    discord: DiscordWords
    """What only Discord needs."""
    telegram: TelegramWords
    """What only Telegram needs."""
