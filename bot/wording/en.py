"""English."""

from __future__ import annotations

from bot.chat import Action
from bot.wording.table import Table


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


TABLE = Table(
    ordinal=_ordinal,
    decimal_mark=".",
    film="“{prompt}” · {seconds}",
    alt_text="The picture, animated: {prompt}",
    model_note="Model “{model}” is {note}.",
    model_notes={},
    queued="🎬 Queued: {position}, about {wait}. {film}",
    queued_unmeasured="🎬 Queued: {position}. {film}",
    interrupted="🔌 The drawing was interrupted. Your place is kept (now {position}). {film}",
    starting="⏳ Warming up the card… {film}",
    part="🎞 Part {part} of {parts}",
    part_left=" · about {left} left",
    ending_first=" · The ending is drawn first.",
    finishing="🎞 All parts are drawn; putting the film together…",
    done="✨ {film} · seed {seed} · took {took}",
    film_lost="⚠️ The film was drawn, but its file was damaged on the host's disk before it could be sent. "
    "Nothing charged; the same film can be drawn again.",
    purged="no longer kept",
    failed="⚠️ {reason} Nothing charged.",
    failures={},
    cancelled="✖️ Cancelled. {returned} returned.",
    cancelled_nothing_returned="✖️ Cancelled. It was all drawn already, so nothing is returned.",
    expired="💤 Waited {hours} h while the host was away. Refunded.",
    seconds="{count} s",
    minutes="{count} min",
    hours="{hours} h {minutes} min",
    actions={
        Action.REROLL: "Another seed",
        Action.EXTEND: "Extend",
        Action.CANCEL: "Cancel",
        Action.RETRY: "Try again",
    },
    seconds_refused="“{given}” is no length for a film; seconds must be a number from {least} to {most}, such as 2.5.",
    seed_refused="“{given}” is no seed; it must be a whole number from 0 to {most}.",
    steps_refused="“{given}” is no number of steps; it must be a whole number from {least} to {most}.",
    size_refused="“{given}” is no size; it must be a multiple of {multiple} from {least} to {most} pixels.",
    schedule_unknown="Schedule “{given}” is not one that model “{model}” was trained for; it can draw: {allowed}.",
    prompt_too_long="The prompt has {count} characters; at most {most} are read, so please shorten it.",
    end_picture_forward="An end picture needs the inverted schedule, because the forward one never looks ahead; "
    "leave one of the two out.",
    end_picture_forward_only="Model “{model}” draws only forward and cannot aim at an end picture; leave it out.",
    unknown_request="There is no film number {request_id} here.",
    not_done="Film {request_id} is {state}; only a finished film can be drawn again or extended.",
    not_ended="Film {request_id} is {state}; only one that failed, expired or was cancelled can be tried again.",
    not_yours="Film {request_id} belongs to someone else; only the person who asked for it can extend it.",
    other_model="Film {request_id} was drawn by model “{drawn}”, but this host now draws with “{served}”; "
    "start a new film instead.",
    media_gone="The files of film {request_id} are no longer kept; start a new film with the picture.",
    disk_full="The host's disk is nearly full, so no new film is accepted; please try again later.",
    quota="You have {left} of video left and this film needs {needed}{back}.",
    quota_try="You have {left} of video left and this film needs {needed}; try {possible}{back}.",
    quota_back=", or come back in about {wait}",
    states={
        "queued": "still queued",
        "running": "still being drawn",
        "done": "done",
        "failed": "failed",
        "cancelled": "cancelled",
        "expired": "expired",
    },
)
