"""Since when, and why, no engine of the host can draw.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("queue", table_kwargs={"sqlite_strict": True}) as table:
        table.add_column(sa.Column("down_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        table.add_column(sa.Column("down_reason", sa.Text(), nullable=True))
        table.create_check_constraint(op.f("ck_queue_down_with_reason"), "(down_ms IS NULL) = (down_reason IS NULL)")
