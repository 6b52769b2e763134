"""A quota for all communities together; film time of a section that a cancel left unfinished; deleted films are found.

Revision: 0003
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _add(
        "person",
        ("everywhere_ms", "everywhere_at_ms"),
        {
            "ck_person_one_bucket_everywhere": "(everywhere_ms IS NULL) = (everywhere_at_ms IS NULL)",
            "ck_person_not_overdrawn_everywhere": "everywhere_ms IS NULL OR everywhere_ms >= 0",
        },
        {"sqlite_strict": True},
    )
    _add(
        "attempt",
        ("part_ms",),
        {"ck_attempt_part_of_a_cancelled": "part_ms IS NULL OR (part_ms >= 0 AND outcome = 'cancelled')"},
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )
    rule = sa.text("purged_ms IS NOT NULL")
    op.create_index("ix_request_purged", "request", ["purged_ms"], sqlite_where=rule, postgresql_where=rule)


def _add(table: str, columns: tuple[str, ...], rules: dict[str, str], options: dict[str, Any]) -> None:
    with op.batch_alter_table(table, table_kwargs=options) as batch:
        for column in columns:
            batch.add_column(sa.Column(column, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        for name, rule in rules.items():
            # op.f: the name is whole and must not be built again.
            batch.create_check_constraint(op.f(name), rule)
