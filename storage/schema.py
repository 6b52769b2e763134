"""The tables, with every rule that a database can keep by itself written into them.

Times (`_ms`) are milliseconds of wall time, except `lease_until_ms`, which is on the lease clock.
Only INTEGER and TEXT are used: SQLite's STRICT tables know few types more. PostgreSQL reads the same text.
A change here needs a migration; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
    literal_column,
)

from storage.columns import STRICT, STRICT_BY_KEY, blob_columns, check, int_column, one_of, partial_index, text_column
from storage.jobs import JobState, Phase, RequestKind
from storage.words import BlobRole, Canceller, LedgerKind, MessageKind, Outcome

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

person = Table(
    "person",
    metadata,
    int_column("id", primary_key=True),
    int_column("created_ms"),
    int_column("erased_ms", null=True),
    int_column("scrubbed_ms", null=True),
    int_column("tokens_ms", null=True),
    int_column("tokens_at_ms", null=True),
    int_column("everywhere_ms", null=True),
    int_column("everywhere_at_ms", null=True),
    int_column("running"),
    check("scrubbed_when_erased", "scrubbed_ms IS NULL OR erased_ms IS NOT NULL"),
    check("one_bucket", "(tokens_ms IS NULL) = (tokens_at_ms IS NULL)"),
    check("not_overdrawn", "tokens_ms IS NULL OR tokens_ms >= 0"),
    check("one_bucket_everywhere", "(everywhere_ms IS NULL) = (everywhere_at_ms IS NULL)"),
    check("not_overdrawn_everywhere", "everywhere_ms IS NULL OR everywhere_ms >= 0"),
    check("counted", "running >= 0"),
    partial_index("ix_person_unscrubbed", "id", where="erased_ms IS NOT NULL AND scrubbed_ms IS NULL"),
    **STRICT,
)
"""An erased person keeps this number alone. `scrubbed_ms`: no file or backup of ours holds them any more.

`tokens_ms`, `tokens_at_ms`: the one bucket of somebody linked on two platforms, in place of those of their accounts.
`everywhere_ms`, `everywhere_at_ms`: the bucket for all communities together, which pays beside the other one; None is
a full one.
`running`: requests of theirs that are drawn now, in all communities; each claim asks for it and changes it.
"""

identity = Table(
    "identity",
    metadata,
    int_column("id", primary_key=True),
    int_column("person_id", ForeignKey("person.id"), index=True),
    text_column("platform"),
    text_column("platform_user_id"),
    text_column("name"),
    text_column("locale"),
    UniqueConstraint("platform", "platform_user_id"),
    check("named", "platform <> '' AND platform_user_id <> ''"),
    **STRICT,
)
"""A person as a platform knows them. Linking two moves one to the other's person and rewrites nothing else."""

account = Table(
    "account",
    metadata,
    int_column("id", primary_key=True),
    int_column("person_id", ForeignKey("person.id")),
    text_column("platform"),
    text_column("community_id"),
    int_column("weight_permille"),
    int_column("tokens_ms"),
    int_column("tokens_at_ms"),
    int_column("sfq_finish"),
    int_column("queued"),
    int_column("running"),
    UniqueConstraint("person_id", "platform", "community_id"),
    check("weighed", "weight_permille > 0"),
    check("not_overdrawn", "tokens_ms >= 0"),
    check("counted", "queued >= 0 AND running >= 0"),
    **STRICT,
)
"""A person's share in one community: token bucket, fairness tag and counters."""

queue = Table(
    "queue",
    metadata,
    int_column("id", primary_key=True, autoincrement=False),
    int_column("virtual_ms"),
    int_column("queued"),
    int_column("est_ms"),
    int_column("paused_ms", null=True),
    int_column("paused_until_ms", null=True),
    int_column("stood_ms"),
    int_column("down_ms", null=True),
    text_column("down_reason", null=True),
    check("one_row", "id = 1"),
    check("counted", "queued >= 0 AND est_ms >= 0"),
    check("end_of_a_pause", "paused_until_ms IS NULL OR paused_ms IS NOT NULL"),
    check("stood", "stood_ms >= 0"),
    check("down_with_reason", "(down_ms IS NULL) = (down_reason IS NULL)"),
    **STRICT,
)
"""One row: virtual time of the fair order, and the queue's length, so that neither is ever searched for.

`est_ms`: estimated GPU time of all that waits.
`paused_ms`, `paused_until_ms`: the owner's pause. `stood_ms`: how long earlier ones have lasted, all together.
`down_ms`, `down_reason`: since when no engine of the host can draw, and why, for its owner.
"""

request = Table(
    "request",
    metadata,
    int_column("id", primary_key=True),
    text_column("idem", unique=True),
    int_column("identity_id", ForeignKey("identity.id"), index=True),
    int_column("account_id", ForeignKey("account.id"), index=True),
    text_column("chat_id"),
    text_column("kind"),
    int_column("parent_id", ForeignKey("request.id"), null=True),
    text_column("params"),
    int_column("duration_ms"),
    int_column("sections"),
    text_column("state"),
    int_column("rev"),
    int_column("epoch"),
    int_column("tries"),
    int_column("est_ms"),
    int_column("sfq_start"),
    int_column("created_ms"),
    int_column("queued_ms"),
    int_column("started_ms", null=True),
    int_column("ended_ms", null=True),
    text_column("lease_boot", null=True),
    int_column("lease_until_ms", null=True),
    int_column("cancel_ms", null=True),
    text_column("cancel_by", null=True),
    text_column("result", null=True),
    text_column("error_code", null=True),
    text_column("error_sentence", null=True),
    int_column("trimmed_ms", null=True),
    int_column("purged_ms", null=True),
    int_column("lost_ms", null=True),
    text_column("origin"),
    int_column("spoiler"),
    int_column("hidden_ms", null=True),
    int_column("unreached_ms", null=True),
    int_column("original_id", ForeignKey("request.id"), null=True),
    one_of("state", JobState),
    one_of("kind", RequestKind),
    one_of("cancel_by", Canceller),
    check("keyed", "idem <> ''"),
    check("child_has_parent", "kind = 'new' OR parent_id IS NOT NULL"),
    check("measured", "duration_ms > 0 AND sections >= 1 AND est_ms >= 0"),
    check("counted", "rev >= 1 AND epoch >= 0 AND tries >= 0 AND tries <= epoch"),
    check("started_by_an_attempt", "(epoch = 0) = (started_ms IS NULL)"),
    check("drawn_by_an_attempt", "state NOT IN ('running', 'done', 'failed') OR epoch >= 1"),
    check("leased_while_running", "(state = 'running') = (lease_until_ms IS NOT NULL)"),
    check("lease_of_a_boot", "(lease_until_ms IS NULL) = (lease_boot IS NULL)"),
    check("ended_when_terminal", "(state IN ('queued', 'running')) = (ended_ms IS NULL)"),
    check("wish_of_somebody", "(cancel_ms IS NULL) = (cancel_by IS NULL)"),
    check("no_wish_waits", "state NOT IN ('queued', 'expired') OR cancel_ms IS NULL"),
    check("cancelled_by_wish", "state <> 'cancelled' OR cancel_ms IS NOT NULL"),
    check("failed_with_reason", "(state = 'failed') = (error_code IS NOT NULL)"),
    check("reason_is_whole", "(error_code IS NULL) = (error_sentence IS NULL)"),
    check("result_when_done", "(state = 'done' AND purged_ms IS NULL) = (result IS NOT NULL)"),
    check("trimmed_when_terminal", "trimmed_ms IS NULL OR ended_ms IS NOT NULL"),
    check("purged_after_trimmed", "purged_ms IS NULL OR trimmed_ms IS NOT NULL"),
    check("lost_when_done", "lost_ms IS NULL OR state = 'done'"),
    check("origin_short", "length(origin) <= 1000"),
    check("spoiler_or_not", "spoiler IN (0, 1)"),
    check("hidden_when_done", "hidden_ms IS NULL OR state = 'done'"),
    check("unreached_when_terminal", "unreached_ms IS NULL OR ended_ms IS NOT NULL"),
    check("reroll_of_an_original", "(kind = 'reroll') = (original_id IS NOT NULL)"),
    partial_index("ix_request_turn", "sfq_start", "id", "est_ms", "account_id", where="state = 'queued'"),
    # Says more than it must, so that no planner that believes the queue to be empty takes this one and sorts it.
    partial_index("ix_request_waiting", "queued_ms", where="state = 'queued' AND ended_ms IS NULL"),
    partial_index("ix_request_parent", "parent_id", where="parent_id IS NOT NULL"),
    partial_index("ix_request_original", "original_id", where="original_id IS NOT NULL"),
    partial_index("ix_request_lease", "lease_until_ms", where="state = 'running'"),
    partial_index("ix_request_purged", "purged_ms", where="purged_ms IS NOT NULL"),
    partial_index("ix_request_kept", "ended_ms", where="ended_ms IS NOT NULL AND purged_ms IS NULL"),
    sqlite_autoincrement=True,
    **STRICT,
)
"""Ids are never used twice, so a number in a chat means one film for ever.

`queued_ms`: since when it waits, on the clock that stands still while the owner pauses.
`trimmed_ms`: its pictures and checkpoints are no longer kept. `purged_ms`: nor is its film.
`lost_ms`: its film was found damaged before anybody saw it. `hidden_ms`: it was covered after it was shown.
`unreached_ms`: it has ended and its chat took no message that says so.
`original_id`: of a reroll, the film at the root of all rerolls.
"""

hide_vote = Table(
    "hide_vote",
    metadata,
    int_column("request_id", ForeignKey("request.id"), primary_key=True, autoincrement=False),
    int_column("person_id", ForeignKey("person.id"), primary_key=True, autoincrement=False, index=True),
    int_column("at_ms"),
    **STRICT_BY_KEY,
)
"""Members who wish a film covered."""

attempt = Table(
    "attempt",
    metadata,
    int_column("request_id", ForeignKey("request.id"), primary_key=True, autoincrement=False),
    int_column("epoch", primary_key=True, autoincrement=False),
    text_column("worker"),
    int_column("started_ms"),
    int_column("ended_ms", null=True),
    text_column("outcome", null=True),
    int_column("part_ms", null=True),
    one_of("outcome", Outcome),
    check("from_one", "epoch >= 1"),
    check("ended_somehow", "(ended_ms IS NULL) = (outcome IS NULL)"),
    check("part_of_a_cancelled", "part_ms IS NULL OR (part_ms >= 0 AND outcome = 'cancelled')"),
    partial_index("ix_attempt_open", "request_id", where="ended_ms IS NULL", unique=True),
    **STRICT_BY_KEY,
)
"""`part_ms`: film drawn of a section that a cancel left unfinished; its member pays for it."""

section = Table(
    "section",
    metadata,
    int_column("request_id", ForeignKey("request.id"), primary_key=True, autoincrement=False),
    int_column("idx", primary_key=True, autoincrement=False),
    int_column("epoch"),
    int_column("gpu_ms"),
    *blob_columns(),
    ForeignKeyConstraint(["request_id", "epoch"], ["attempt.request_id", "attempt.epoch"], name="fk_section_attempt"),
    check("counted", "idx >= 0 AND gpu_ms >= 0"),
    **STRICT_BY_KEY,
)

request_blob = Table(
    "request_blob",
    metadata,
    int_column("request_id", ForeignKey("request.id"), primary_key=True, autoincrement=False),
    text_column("role", primary_key=True),
    *blob_columns(),
    one_of("role", BlobRole),
    **STRICT_BY_KEY,
)
"""The only place where a request names its files, so that retention can ask who else uses one."""

ledger = Table(
    "ledger",
    metadata,
    int_column("id", primary_key=True),
    int_column("person_id", ForeignKey("person.id"), null=True, index=True),
    int_column("request_id", ForeignKey("request.id")),
    text_column("kind"),
    int_column("ms"),
    int_column("at_ms"),
    UniqueConstraint("request_id", "kind"),
    one_of("kind", LedgerKind),
    check(
        "signed",
        "(kind = 'reserve' AND ms > 0) OR (kind = 'settle' AND ms <= 0) OR (kind IN ('refund', 'amend') AND ms < 0)",
    ),
    partial_index("ix_ledger_closed_once", "request_id", where="kind IN ('settle', 'refund')", unique=True),
    **STRICT,
)
"""Film time that moved. `person_id` is None once the person was erased."""

outbox = Table(
    "outbox",
    metadata,
    int_column("request_id", ForeignKey("request.id"), primary_key=True, autoincrement=False),
    int_column("rev", primary_key=True, autoincrement=False),
    text_column("state"),
    int_column("at_ms"),
    int_column("not_before_ms"),
    int_column("tries"),
    int_column("sent_ms", null=True),
    one_of("state", JobState),
    check("counted", "rev >= 1 AND tries >= 0"),
    partial_index("ix_outbox_due", "not_before_ms", where="sent_ms IS NULL"),
    **STRICT_BY_KEY,
)
"""One row for each revision, with the state it announces: the request's history, and what chats must still show."""

chat_message = Table(
    "chat_message",
    metadata,
    int_column("request_id", ForeignKey("request.id"), primary_key=True, autoincrement=False),
    text_column("kind", primary_key=True),
    text_column("platform", primary_key=True),
    text_column("chat_id", primary_key=True),
    text_column("message_id", primary_key=True),
    int_column("applied_rev"),
    one_of("kind", MessageKind),
    check("shows_a_revision", "applied_rev >= 0"),
    Index("ix_chat_message_ref", "platform", "chat_id", "message_id"),
    partial_index("ix_chat_message_one", "request_id", "kind", where="kind <> 'copy'", unique=True),
    **STRICT_BY_KEY,
)
"""`applied_rev`: what it shows; 0 where it stood already when the request was made and shows nothing of it yet."""

removal = Table(
    "removal",
    metadata,
    text_column("platform", primary_key=True),
    text_column("chat_id", primary_key=True),
    text_column("message_id", primary_key=True),
    int_column("request_id", ForeignKey("request.id"), index=True),
    int_column("owed_ms"),
    int_column("not_before_ms"),
    int_column("tries"),
    check("counted", "tries >= 0"),
    **STRICT_BY_KEY,
)
"""Messages of the bot that are to be taken away, since `owed_ms`: of films that were deleted, of people erased."""

progress = Table(
    "progress",
    metadata,
    int_column("request_id", ForeignKey("request.id"), primary_key=True, autoincrement=False),
    int_column("epoch"),
    text_column("phase"),
    int_column("section"),
    int_column("sections"),
    int_column("step"),
    int_column("steps"),
    int_column("eta_ms", null=True),
    text_column("preview_sha256", null=True),
    text_column("preview_suffix", null=True),
    int_column("preview_byte_count", null=True),
    int_column("at_ms"),
    one_of("phase", Phase),
    check("counted", "section >= 0 AND sections >= 0 AND step >= 0 AND steps >= 0"),
    check("preview_has_suffix", "(preview_sha256 IS NULL) = (preview_suffix IS NULL)"),
    check("preview_has_size", "(preview_sha256 IS NULL) = (preview_byte_count IS NULL)"),
    **STRICT_BY_KEY,
)
"""Of running requests only, newest word only."""

pace = Table(
    "pace",
    metadata,
    text_column("model", primary_key=True),
    int_column("size", primary_key=True, autoincrement=False),
    int_column("passes", primary_key=True, autoincrement=False),
    int_column("section_ms"),
    int_column("samples"),
    check("measured", "section_ms >= 0 AND samples >= 1"),
    **STRICT_BY_KEY,
)
"""GPU time of a section as measured lately, by model, size and network passes."""


link_code = Table(
    "link_code",
    metadata,
    int_column("identity_id", ForeignKey("identity.id"), primary_key=True, autoincrement=False),
    text_column("sha256", unique=True),
    int_column("expires_ms"),
    check("sha256_whole", "length(sha256) = 64"),
    **STRICT_BY_KEY,
)
"""A code that links another platform's account to this identity: one at a time, gone once it is used."""

link_guess = Table(
    "link_guess",
    metadata,
    int_column("identity_id", ForeignKey("identity.id"), primary_key=True, autoincrement=False),
    int_column("since_ms"),
    int_column("guesses"),
    check("counted", "guesses >= 1"),
    **STRICT_BY_KEY,
)
"""Codes that did not count, by who sent them, in a span of time that began at `since_ms`."""

chat_move = Table(
    "chat_move",
    metadata,
    text_column("platform", primary_key=True),
    text_column("old_id", primary_key=True),
    text_column("new_id"),
    int_column("moved_ms"),
    check("elsewhere", "old_id <> new_id"),
    Index("ix_chat_move_new", "platform", "new_id"),
    **STRICT_BY_KEY,
)
"""A chat that its platform knows under another number now. The owner's settings may still name the old one."""


def in_state(state: JobState) -> ColumnElement[bool]:
    """`request.state = '…'` as a literal, the only form that a partial index answers to."""
    return request.c.state == literal_column(f"'{state.value}'")
