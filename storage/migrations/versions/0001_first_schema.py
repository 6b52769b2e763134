"""The first schema.

Revision: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STRICT = {"sqlite_strict": True}
STRICT_BY_KEY = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    op.create_table(
        "pace",
        _text("model"),
        _int("size", autoincrement=False),
        _int("passes", autoincrement=False),
        _int("section_ms"),
        _int("samples"),
        _check("ck_pace_measured", "section_ms >= 0 AND samples >= 1"),
        sa.PrimaryKeyConstraint("model", "size", "passes", name="pk_pace"),
        **STRICT_BY_KEY,
    )
    op.create_table(
        "person",
        _int("id"),
        _int("created_ms"),
        _int("erased_ms", nullable=True),
        _int("scrubbed_ms", nullable=True),
        _int("tokens_ms", nullable=True),
        _int("tokens_at_ms", nullable=True),
        _int("running"),
        _check("ck_person_counted", "running >= 0"),
        _check("ck_person_scrubbed_when_erased", "scrubbed_ms IS NULL OR erased_ms IS NOT NULL"),
        _check("ck_person_one_bucket", "(tokens_ms IS NULL) = (tokens_at_ms IS NULL)"),
        _check("ck_person_not_overdrawn", "tokens_ms IS NULL OR tokens_ms >= 0"),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        **STRICT,
    )
    op.create_index("ix_person_unscrubbed", "person", ["id"], **_where("erased_ms IS NOT NULL AND scrubbed_ms IS NULL"))
    op.create_table(
        "queue",
        _int("id", autoincrement=False),
        _int("virtual_ms"),
        _int("queued"),
        _int("est_ms"),
        _int("paused_ms", nullable=True),
        _int("paused_until_ms", nullable=True),
        _int("stood_ms"),
        _check("ck_queue_one_row", "id = 1"),
        _check("ck_queue_counted", "queued >= 0 AND est_ms >= 0"),
        _check("ck_queue_end_of_a_pause", "paused_until_ms IS NULL OR paused_ms IS NOT NULL"),
        _check("ck_queue_stood", "stood_ms >= 0"),
        sa.PrimaryKeyConstraint("id", name="pk_queue"),
        **STRICT,
    )
    op.create_table(
        "account",
        _int("id"),
        _int("person_id"),
        _text("platform"),
        _text("community_id"),
        _int("weight_permille"),
        _int("tokens_ms"),
        _int("tokens_at_ms"),
        _int("sfq_finish"),
        _int("queued"),
        _int("running"),
        _check("ck_account_counted", "queued >= 0 AND running >= 0"),
        _check("ck_account_not_overdrawn", "tokens_ms >= 0"),
        _check("ck_account_weighed", "weight_permille > 0"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_account_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("person_id", "platform", "community_id", name="uq_account_person_id_platform_community_id"),
        **STRICT,
    )
    op.create_table(
        "identity",
        _int("id"),
        _int("person_id"),
        _text("platform"),
        _text("platform_user_id"),
        _text("name"),
        _text("locale"),
        _check("ck_identity_named", "platform <> '' AND platform_user_id <> ''"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_identity_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_identity"),
        sa.UniqueConstraint("platform", "platform_user_id", name="uq_identity_platform_platform_user_id"),
        **STRICT,
    )
    op.create_index("ix_identity_person_id", "identity", ["person_id"])
    op.create_table(
        "request",
        _int("id"),
        _text("idem"),
        _int("identity_id"),
        _int("account_id"),
        _text("chat_id"),
        _text("kind"),
        _int("parent_id", nullable=True),
        _text("params"),
        _int("duration_ms"),
        _int("sections"),
        _text("state"),
        _int("rev"),
        _int("epoch"),
        _int("tries"),
        _int("est_ms"),
        _int("sfq_start"),
        _int("created_ms"),
        _int("queued_ms"),
        _int("started_ms", nullable=True),
        _int("ended_ms", nullable=True),
        _text("lease_boot", nullable=True),
        _int("lease_until_ms", nullable=True),
        _int("cancel_ms", nullable=True),
        _text("cancel_by", nullable=True),
        _text("result", nullable=True),
        _text("error_code", nullable=True),
        _text("error_sentence", nullable=True),
        _int("trimmed_ms", nullable=True),
        _int("purged_ms", nullable=True),
        _int("lost_ms", nullable=True),
        _text("origin"),
        _int("spoiler"),
        _int("hidden_ms", nullable=True),
        _int("unreached_ms", nullable=True),
        _int("original_id", nullable=True),
        _check("ck_request_result_when_done", "(state = 'done' AND purged_ms IS NULL) = (result IS NOT NULL)"),
        _check("ck_request_failed_with_reason", "(state = 'failed') = (error_code IS NOT NULL)"),
        _check("ck_request_leased_while_running", "(state = 'running') = (lease_until_ms IS NOT NULL)"),
        _check("ck_request_ended_when_terminal", "(state IN ('queued', 'running')) = (ended_ms IS NULL)"),
        _check("ck_request_cancel_by_known", "cancel_by IN ('member', 'operator')"),
        _check("ck_request_keyed", "idem <> ''"),
        _check("ck_request_child_has_parent", "kind = 'new' OR parent_id IS NOT NULL"),
        _check("ck_request_kind_known", "kind IN ('new', 'reroll', 'extend')"),
        _check("ck_request_cancelled_by_wish", "state <> 'cancelled' OR cancel_ms IS NOT NULL"),
        _check("ck_request_state_known", "state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired')"),
        _check("ck_request_no_wish_waits", "state NOT IN ('queued', 'expired') OR cancel_ms IS NULL"),
        _check("ck_request_drawn_by_an_attempt", "state NOT IN ('running', 'done', 'failed') OR epoch >= 1"),
        _check("ck_request_wish_of_somebody", "(cancel_ms IS NULL) = (cancel_by IS NULL)"),
        _check("ck_request_started_by_an_attempt", "(epoch = 0) = (started_ms IS NULL)"),
        _check("ck_request_reason_is_whole", "(error_code IS NULL) = (error_sentence IS NULL)"),
        _check("ck_request_lease_of_a_boot", "(lease_until_ms IS NULL) = (lease_boot IS NULL)"),
        _check("ck_request_measured", "duration_ms > 0 AND sections >= 1 AND est_ms >= 0"),
        _check("ck_request_trimmed_when_terminal", "trimmed_ms IS NULL OR ended_ms IS NOT NULL"),
        _check("ck_request_purged_after_trimmed", "purged_ms IS NULL OR trimmed_ms IS NOT NULL"),
        _check("ck_request_lost_when_done", "lost_ms IS NULL OR state = 'done'"),
        _check("ck_request_origin_short", "length(origin) <= 1000"),
        _check("ck_request_spoiler_or_not", "spoiler IN (0, 1)"),
        _check("ck_request_hidden_when_done", "hidden_ms IS NULL OR state = 'done'"),
        _check("ck_request_unreached_when_terminal", "unreached_ms IS NULL OR ended_ms IS NOT NULL"),
        _check("ck_request_reroll_of_an_original", "(kind = 'reroll') = (original_id IS NOT NULL)"),
        _check("ck_request_counted", "rev >= 1 AND epoch >= 0 AND tries >= 0 AND tries <= epoch"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_request_account_id"),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], name="fk_request_identity_id"),
        sa.ForeignKeyConstraint(["original_id"], ["request.id"], name="fk_request_original_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["request.id"], name="fk_request_parent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_request"),
        sa.UniqueConstraint("idem", name="uq_request_idem"),
        sqlite_autoincrement=True,
        **STRICT,
    )
    op.create_index("ix_request_account_id", "request", ["account_id"])
    op.create_index("ix_request_identity_id", "request", ["identity_id"])
    op.create_index("ix_request_kept", "request", ["ended_ms"], **_where("ended_ms IS NOT NULL AND purged_ms IS NULL"))
    op.create_index("ix_request_lease", "request", ["lease_until_ms"], **_where("state = 'running'"))
    op.create_index("ix_request_original", "request", ["original_id"], **_where("original_id IS NOT NULL"))
    op.create_index("ix_request_parent", "request", ["parent_id"], **_where("parent_id IS NOT NULL"))
    op.create_index(
        "ix_request_turn", "request", ["sfq_start", "id", "est_ms", "account_id"], **_where("state = 'queued'")
    )
    op.create_index("ix_request_waiting", "request", ["queued_ms"], **_where("state = 'queued' AND ended_ms IS NULL"))
    op.create_table(
        "attempt",
        _int("request_id", autoincrement=False),
        _int("epoch", autoincrement=False),
        _text("worker"),
        _int("started_ms"),
        _int("ended_ms", nullable=True),
        _text("outcome", nullable=True),
        _check("ck_attempt_outcome_known", "outcome IN ('done', 'failed', 'cancelled', 'released', 'lost')"),
        _check("ck_attempt_ended_somehow", "(ended_ms IS NULL) = (outcome IS NULL)"),
        _check("ck_attempt_from_one", "epoch >= 1"),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name="fk_attempt_request_id"),
        sa.PrimaryKeyConstraint("request_id", "epoch", name="pk_attempt"),
        **STRICT_BY_KEY,
    )
    op.create_index("ix_attempt_open", "attempt", ["request_id"], unique=True, **_where("ended_ms IS NULL"))
    op.create_table(
        "chat_message",
        _int("request_id", autoincrement=False),
        _text("kind"),
        _text("platform"),
        _text("chat_id"),
        _text("message_id"),
        _int("applied_rev"),
        _check("ck_chat_message_kind_known", "kind IN ('status', 'film', 'line', 'copy')"),
        _check("ck_chat_message_shows_a_revision", "applied_rev >= 0"),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name="fk_chat_message_request_id"),
        sa.PrimaryKeyConstraint("request_id", "kind", "platform", "chat_id", "message_id", name="pk_chat_message"),
        **STRICT_BY_KEY,
    )
    op.create_index("ix_chat_message_ref", "chat_message", ["platform", "chat_id", "message_id"])
    op.create_index(
        "ix_chat_message_one", "chat_message", ["request_id", "kind"], unique=True, **_where("kind <> 'copy'")
    )
    op.create_table(
        "removal",
        _text("platform"),
        _text("chat_id"),
        _text("message_id"),
        _int("request_id"),
        _int("owed_ms"),
        _int("not_before_ms"),
        _int("tries"),
        _check("ck_removal_counted", "tries >= 0"),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name="fk_removal_request_id"),
        sa.PrimaryKeyConstraint("platform", "chat_id", "message_id", name="pk_removal"),
        **STRICT_BY_KEY,
    )
    op.create_index("ix_removal_request_id", "removal", ["request_id"])
    op.create_table(
        "hide_vote",
        _int("request_id", autoincrement=False),
        _int("person_id", autoincrement=False),
        _int("at_ms"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_hide_vote_person_id"),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name="fk_hide_vote_request_id"),
        sa.PrimaryKeyConstraint("request_id", "person_id", name="pk_hide_vote"),
        **STRICT_BY_KEY,
    )
    op.create_index("ix_hide_vote_person_id", "hide_vote", ["person_id"])
    op.create_table(
        "ledger",
        _int("id"),
        _int("person_id", nullable=True),
        _int("request_id"),
        _text("kind"),
        _int("ms"),
        _int("at_ms"),
        _check(
            "ck_ledger_signed",
            "(kind = 'reserve' AND ms > 0) OR (kind = 'settle' AND ms <= 0)"
            " OR (kind IN ('refund', 'amend') AND ms < 0)",
        ),
        _check("ck_ledger_kind_known", "kind IN ('reserve', 'settle', 'refund', 'amend')"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_ledger_person_id"),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name="fk_ledger_request_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger"),
        sa.UniqueConstraint("request_id", "kind", name="uq_ledger_request_id_kind"),
        **STRICT,
    )
    op.create_index(
        "ix_ledger_closed_once", "ledger", ["request_id"], unique=True, **_where("kind IN ('settle', 'refund')")
    )
    op.create_index("ix_ledger_person_id", "ledger", ["person_id"])
    op.create_table(
        "outbox",
        _int("request_id", autoincrement=False),
        _int("rev", autoincrement=False),
        _text("state"),
        _int("at_ms"),
        _int("not_before_ms"),
        _int("tries"),
        _int("sent_ms", nullable=True),
        _check("ck_outbox_state_known", "state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired')"),
        _check("ck_outbox_counted", "rev >= 1 AND tries >= 0"),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name="fk_outbox_request_id"),
        sa.PrimaryKeyConstraint("request_id", "rev", name="pk_outbox"),
        **STRICT_BY_KEY,
    )
    op.create_index("ix_outbox_due", "outbox", ["not_before_ms"], **_where("sent_ms IS NULL"))
    op.create_table(
        "progress",
        _int("request_id", autoincrement=False),
        _int("epoch"),
        _text("phase"),
        _int("section"),
        _int("sections"),
        _int("step"),
        _int("steps"),
        _int("eta_ms", nullable=True),
        _text("preview_sha256", nullable=True),
        _text("preview_suffix", nullable=True),
        _int("preview_byte_count", nullable=True),
        _int("at_ms"),
        _check("ck_progress_phase_known", "phase IN ('loading', 'conditioning', 'sampling', 'decoding', 'encoding')"),
        _check("ck_progress_preview_has_size", "(preview_sha256 IS NULL) = (preview_byte_count IS NULL)"),
        _check("ck_progress_preview_has_suffix", "(preview_sha256 IS NULL) = (preview_suffix IS NULL)"),
        _check("ck_progress_counted", "section >= 0 AND sections >= 0 AND step >= 0 AND steps >= 0"),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name="fk_progress_request_id"),
        sa.PrimaryKeyConstraint("request_id", name="pk_progress"),
        **STRICT_BY_KEY,
    )
    op.create_table(
        "request_blob",
        _int("request_id", autoincrement=False),
        _text("role"),
        _text("sha256"),
        _text("suffix"),
        _int("byte_count"),
        _check("ck_request_blob_role_known", "role IN ('picture', 'end_picture', 'film', 'gif', 'poster')"),
        _check("ck_request_blob_suffix_dotted", "suffix LIKE '.%'"),
        _check("ck_request_blob_bytes_counted", "byte_count >= 0"),
        _check("ck_request_blob_sha256_whole", "length(sha256) = 64"),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name="fk_request_blob_request_id"),
        sa.PrimaryKeyConstraint("request_id", "role", name="pk_request_blob"),
        **STRICT_BY_KEY,
    )
    op.create_index("ix_request_blob_sha256", "request_blob", ["sha256"])
    op.create_table(
        "section",
        _int("request_id", autoincrement=False),
        _int("idx", autoincrement=False),
        _int("epoch"),
        _int("gpu_ms"),
        _text("sha256"),
        _text("suffix"),
        _int("byte_count"),
        _check("ck_section_suffix_dotted", "suffix LIKE '.%'"),
        _check("ck_section_bytes_counted", "byte_count >= 0"),
        _check("ck_section_counted", "idx >= 0 AND gpu_ms >= 0"),
        _check("ck_section_sha256_whole", "length(sha256) = 64"),
        sa.ForeignKeyConstraint(
            ["request_id", "epoch"], ["attempt.request_id", "attempt.epoch"], name="fk_section_attempt"
        ),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name="fk_section_request_id"),
        sa.PrimaryKeyConstraint("request_id", "idx", name="pk_section"),
        **STRICT_BY_KEY,
    )
    op.create_index("ix_section_sha256", "section", ["sha256"])
    op.create_table(
        "link_code",
        _int("identity_id", autoincrement=False),
        _text("sha256"),
        _int("expires_ms"),
        _check("ck_link_code_sha256_whole", "length(sha256) = 64"),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], name="fk_link_code_identity_id"),
        sa.PrimaryKeyConstraint("identity_id", name="pk_link_code"),
        sa.UniqueConstraint("sha256", name="uq_link_code_sha256"),
        **STRICT_BY_KEY,
    )
    op.create_table(
        "link_guess",
        _int("identity_id", autoincrement=False),
        _int("since_ms"),
        _int("guesses"),
        _check("ck_link_guess_counted", "guesses >= 1"),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], name="fk_link_guess_identity_id"),
        sa.PrimaryKeyConstraint("identity_id", name="pk_link_guess"),
        **STRICT_BY_KEY,
    )
    op.create_table(
        "chat_move",
        _text("platform"),
        _text("old_id"),
        _text("new_id"),
        _int("moved_ms"),
        _check("ck_chat_move_elsewhere", "old_id <> new_id"),
        sa.PrimaryKeyConstraint("platform", "old_id", name="pk_chat_move"),
        **STRICT_BY_KEY,
    )
    op.create_index("ix_chat_move_new", "chat_move", ["platform", "new_id"])
    op.execute("INSERT INTO queue (id, virtual_ms, queued, est_ms, stood_ms) VALUES (1, 0, 0, 0, 0)")


def _int(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=nullable, **options)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _check(name: str, rule: str) -> sa.CheckConstraint:
    # op.f: the name is whole and must not be built again.
    return sa.CheckConstraint(rule, name=op.f(name))


def _where(rule: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(rule), "postgresql_where": sa.text(rule)}
