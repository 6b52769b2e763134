"""What members ask for to read: the queue, their quota, their films, what is kept of them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.wording import durations
from bot.wording.isolate import isolated
from bot.wording.table import Table
from bot.wording.views import film_line, history_line
from storage.jobs import JobState, Member, Status
from storage.quota import Allowance
from storage.settings import RetentionSettings


def queue_page(words: Table, films: Sequence[Status], me: Member, *, count: int) -> str:
    """One line for each film, the reader's own marked; count: how many there are in all."""
    if not films:
        return words.queue_empty
    lines = [queue_line(words, status, me) for status in films]
    if count > len(films):
        lines.append(words.queue_more.format(count=count - len(films)))
    return "\n".join((words.queue_title, *lines))


def queue_line(words: Table, status: Status, me: Member) -> str:
    mine = (status.member.platform, status.member.user_id) == (me.platform, me.user_id)
    name = words.yours if mine else isolated(status.member.name)
    film = film_line(words, status.params)
    if status.state is JobState.RUNNING:
        return words.queue_line_drawn.format(film=film, name=name)
    line = words.queue_line.format(position=words.ordinal(status.position or 1), film=film, name=name)
    if status.wait_ms is not None:
        line += words.queue_wait.format(wait=durations.about(words, status.wait_ms))
    return line


def quota_page(words: Table, allowance: Allowance) -> str:
    """What is left of the smaller of two shares: of the community where it is asked, and of all together."""
    burst = durations.seconds(words, allowance.burst_ms)
    page = words.quota_page.format(
        left=durations.seconds(words, allowance.left_ms),
        where=words.quota_everywhere if allowance.everywhere else words.quota_here,
        burst=burst,
        refill=durations.seconds(words, allowance.refill_ms_per_day),
        queued=allowance.queued,
        running=allowance.running,
    )
    if allowance.card_ms is None:
        return page
    return f"{page} {words.quota_card.format(burst=burst, wait=durations.about(words, allowance.card_ms))}"


def history_page(words: Table, films: Sequence[Status]) -> str:
    """Somebody's own films, in the order given."""
    if not films:
        return words.history_empty
    lines = [
        words.history_line.format(
            request_id=status.request_id, state=words.states[status.state.value], film=history_line(words, status)
        )
        for status in films
    ]
    return "\n".join((words.history_title, *lines))


def privacy_page(words: Table, kept: RetentionSettings) -> str:
    return words.privacy.format(
        hours=durations.number(words, kept.upload_hours), days=durations.number(words, kept.result_days)
    )
