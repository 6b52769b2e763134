"""A moderator's cancel is told from that of a person who was erased: its member pays for what was drawn.

Revision: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    options = {"sqlite_strict": True, "sqlite_autoincrement": True}
    with op.batch_alter_table("request", table_kwargs=options) as batch:
        # op.f: the name is whole and must not be built again.
        name = op.f("ck_request_cancel_by_known")
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, "cancel_by IN ('member', 'moderator', 'operator')")
