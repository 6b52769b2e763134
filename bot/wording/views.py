"""A stored state → the message that shows it."""

from __future__ import annotations

from pathlib import Path

from bot.chat import Action, View
from bot.wording import LANGUAGES, durations, table
from bot.wording.isolate import isolated
from bot.wording.table import Table
from storage.jobs import FilmParams, JobState, Phase, Schedule, Status, section_count
from storage.models import MODELS

PROMPT_SHOWN_CHARS = 120
KEPT_SHOWN_CHARS = 30
"""Of what a model has read of a prompt, from its end."""
ALT_TEXT_CHARS_MAX = 1024
"""Discord's limit, the lowest of the platforms."""

ACTIONS: dict[JobState, tuple[Action, ...]] = {
    JobState.QUEUED: (Action.CANCEL,),
    JobState.RUNNING: (Action.CANCEL,),
    JobState.DONE: (Action.REROLL, Action.EDIT, Action.EXTEND, Action.DELETE, Action.HIDE),
    JobState.FAILED: (Action.RETRY, Action.SHORTER),
    JobState.CANCELLED: (),
    JobState.EXPIRED: (Action.RETRY,),
}


def status_view(status: Status, *, preview: Path | None = None) -> View:
    """The status message of a request in any state, in its member's language."""
    words = table(status.member.locale)
    return View(
        text=_text(words, status),
        status=status,
        actions=_actions(status),
        media=preview,
        alt_text=_alt_text(words, status.params) if preview else "",
    )


def film_view(status: Status, *, film: Path, gif: Path | None) -> View:
    """The message that brings a finished film and calls its requester."""
    words = table(status.member.locale)
    return View(
        text=_text(words, status),
        status=status,
        actions=_useful(ACTIONS[JobState.DONE], status.params),
        media=film,
        gif=gif,
        alt_text=_alt_text(words, status.params),
        mention=status.member,
    )


def closed_notice(status: Status) -> str:
    """How a request ended, for its member alone, where its chat takes no messages any more."""
    words = table(status.member.locale)
    film = film_line(words, status.params)
    if status.state is JobState.DONE and not status.film_lost:
        return words.closed_done.format(film=film)
    return words.closed_ended.format(film=film, ending=_text(words, status))


def closed_view(status: Status) -> View:
    """The same in place of its status message, where that can still be edited."""
    view = status_view(status)
    return View(text=closed_notice(status), status=status, actions=view.actions)


def film_line(words: Table, params: FilmParams) -> str:
    """Which film this is: the words and the length."""
    return words.film.format(
        prompt=isolated(_shortened(params.prompt, PROMPT_SHOWN_CHARS)),
        seconds=durations.seconds(words, params.duration_ms),
    )


def facts_line(words: Table, status: Status) -> str:
    """The same with all that was understood of the wish, so that its member sees at once what will come."""
    params = status.params
    line = film_line(words, params) + words.film_seed.format(seed=params.seed)
    if params.style:
        line += words.film_style.format(style=style_name(words, params.style))
    if params.form == "gif":
        line += words.film_gif
    return line + words.film_covered if status.spoiler else line


def editable(words: Table, params: FilmParams) -> str:
    """The words as a member would type them to have the same again, for a field to change them in."""
    if not params.style:
        return params.prompt
    return f"{params.prompt}, {words.discord.style.name} {style_name(words, params.style)}"


def style_name(words: Table, phrase: str) -> str:
    """What a reader calls the style that a phrase of any language asks for; the phrase where nobody knows it."""
    keys = (key for each in LANGUAGES.values() for key, style in each.styles.items() if style.phrase == phrase)
    key = next(keys, None)
    return phrase if key is None else words.styles[key].name


def history_line(words: Table, status: Status) -> str:
    """A film in the list of somebody's films, and what became of it."""
    line = film_line(words, status.params)
    if status.purged:
        return f"{line} · {words.purged}"
    return f"{line} · {words.unreached}" if status.unreached else line


def model_note(words: Table, model: str) -> str:
    """What a person must know of the model before they judge a film; empty for a model that needs no word."""
    card = MODELS.get(model)
    note = words.model_notes.get(model) or (card.note if card else "")
    return words.model_note.format(model=model, note=note) if note else ""


def action_label(words: Table, action: Action, status: Status) -> str:
    """What stands on the button of an action under a message that shows this."""
    again = action is Action.RETRY and status.state is JobState.EXPIRED
    return words.queue_again if again else words.actions[action]


def _actions(status: Status) -> tuple[Action, ...]:
    if status.film_lost:
        return (Action.RETRY,)
    return _useful(ACTIONS[status.state], status.params)


def _useful(offered: tuple[Action, ...], params: FilmParams) -> tuple[Action, ...]:
    useless: set[Action] = set()
    if section_count(params.duration_ms) == 1:
        # Of one part there is no shorter film.
        useless.add(Action.SHORTER)
    card = MODELS.get(params.model)
    if card is not None and not card.seed_varies:
        useless.add(Action.REROLL)
    return tuple(action for action in offered if action not in useless)


def _text(words: Table, status: Status) -> str:
    match status.state:
        case JobState.QUEUED:
            return _queued(words, status)
        case JobState.RUNNING:
            return _running(words, status)
        case JobState.DONE:
            return words.film_lost if status.film_lost else _done(words, status)
        case JobState.FAILED:
            failure = status.failure
            reason = words.failures.get(failure.code, failure.sentence) if failure else ""
            return words.failed.format(reason=reason)
        case JobState.CANCELLED:
            returned_ms = status.params.duration_ms - status.charged_ms
            if status.cancelled_by_other:
                return words.cancelled_by_other.format(returned=durations.seconds(words, returned_ms))
            name = isolated(status.member.name)
            if returned_ms <= 0:
                return words.cancelled_nothing_returned.format(name=name)
            return words.cancelled.format(name=name, returned=durations.seconds(words, returned_ms))
        case JobState.EXPIRED:
            waited_ms = (status.ended_ms or status.created_ms) - status.created_ms
            return words.expired.format(hours=round(waited_ms / (60 * durations.MINUTE_MS)))


def _queued(words: Table, status: Status) -> str:
    film = facts_line(words, status)
    position = words.ordinal(status.position or 1)
    if status.paused:
        sentence = words.paused_for_now if status.pause_ends else words.paused
        return sentence.format(position=position, film=film)
    if status.down_ms is not None:
        since = durations.moment(status.down_ms)
        return words.engine_down.format(since=since, position=position, film=film)
    if status.interrupted:
        return words.interrupted.format(position=position, film=film)
    if status.wait_ms is None:
        return words.queued_unmeasured.format(position=position, film=film)
    return words.queued.format(position=position, wait=durations.about(words, status.wait_ms), film=film)


def _running(words: Table, status: Status) -> str:
    progress = status.progress
    if progress is None or progress.phase in (Phase.LOADING, Phase.CONDITIONING):
        return words.starting.format(film=facts_line(words, status))
    if progress.phase is Phase.ENCODING and progress.section >= progress.sections - 1:
        return words.finishing
    text = words.part.format(part=min(progress.section + 1, progress.sections), parts=progress.sections)
    if progress.eta_ms is not None:
        text += words.part_left.format(left=durations.about(words, progress.eta_ms))
    if status.params.schedule is Schedule.INVERTED and progress.sections > 1:
        text += words.ending_first
    return text


def _done(words: Table, status: Status) -> str:
    took_ms = (status.ended_ms or 0) - (status.started_ms or status.created_ms)
    text = words.done.format(film=facts_line(words, status), took=durations.stopwatch(max(0, took_ms)))
    if status.result is not None and (unread := status.result.unread_chars):
        kept = status.params.prompt[:-unread][-KEPT_SHOWN_CHARS:].strip()
        text += "\n" + words.prompt_unread.format(kept=isolated(f"…{kept}"), count=unread)
    parent = status.parent_member
    if parent is not None and (parent.platform, parent.user_id) != (status.member.platform, status.member.user_id):
        text += "\n" + words.credit.format(name=isolated(parent.name))
    note = model_note(words, status.params.model)
    return f"{text}\n{note}" if note else text


def _alt_text(words: Table, params: FilmParams) -> str:
    room = ALT_TEXT_CHARS_MAX - len(words.alt_text) - 2
    return words.alt_text.format(prompt=isolated(_shortened(params.prompt, room)))


def _shortened(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else text[: chars_max - 1].rstrip() + "…"
