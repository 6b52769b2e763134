"""What a language must say. One instance per language; a missing sentence is a type error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.chat import Action


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
    alt_text: str
    """{prompt}"""
    model_note: str
    """{model}, {note}: appended where a model needs explaining."""
    model_notes: Mapping[str, str]
    """By model name; the model card's own note stands in for what is absent."""

    # States
    queued: str
    """{position}, {wait}, {film}"""
    queued_unmeasured: str
    """{position}, {film}: no wait is known yet."""
    interrupted: str
    """{position}, {film}"""
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
    """{film}, {seed}, {took}"""
    film_lost: str
    """Drawn, but damaged on the host's disk before anybody saw it."""
    purged: str
    """Of a film in a list: its files are no longer kept."""
    failed: str
    """{reason}"""
    failures: Mapping[str, str]
    """By failure code; the engine's own sentence stands in for what is absent."""
    cancelled: str
    """{returned}"""
    cancelled_nothing_returned: str
    expired: str
    """{hours}"""

    # Durations
    seconds: str
    """{count}"""
    minutes: str
    """{count}"""
    hours: str
    """{hours}, {minutes}"""

    actions: Mapping[Action, str]

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
    quota: str
    """{left}, {needed}, {back}"""
    quota_try: str
    """{left}, {needed}, {possible}, {back}"""
    quota_back: str
    """{wait}: fills {back}."""

    states: Mapping[str, str]
    """By `JobState` value, as the end of "this request is …"."""
