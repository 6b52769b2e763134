"""Schema versions: Alembic, run from the program itself, all steps in one transaction."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import DatabaseRefused
from storage.sqlite import SQLite

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy.engine import Connection

MIGRATIONS = Path(__file__).with_name("migrations")


@dataclass(frozen=True, slots=True)
class Revision:
    name: str
    known: bool
    """False for a database of a newer program."""


@cache
def head() -> str:
    """The newest schema that this program knows."""
    head = _script().get_current_head()
    assert head is not None
    return head


def revision(name: str) -> Revision:
    """A schema version that was found in a database."""
    return Revision(name, known=any(name == script.revision for script in _script().walk_revisions()))


def revision_of(path: Path, sqlite: SQLite) -> Revision | None:
    """The schema version of a file; None where it holds nothing yet, as just after its creation.

    Raises DatabaseRefused where it holds something else.
    """
    with closing(sqlite.connect(path)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None
        row = None
        if "alembic_version" in tables and "request" in tables:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise DatabaseRefused(f"{path} is not a Flipbook database: move it away, or choose another data folder.")
    return revision(str(row[0]))


def migrate(path: Path, sqlite: SQLite) -> None:
    """Bring the file to the newest schema, or leave it as it was.

    Raises DatabaseRefused where rows of the old schema break a foreign key of the new one.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    # Foreign keys are off: rebuilding a table with them on would delete its children's rows.
    engine = create_engine(
        "sqlite://", module=sqlite.module, creator=lambda: sqlite.connect(path, foreign_keys=False), poolclass=NullPool
    )
    event.listen(engine, "begin", begin)
    try:
        with engine.begin() as connection:
            upgrade(connection)
            if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
                table, row, parent = broken[0][:3]
                raise DatabaseRefused(
                    f"The database {path} cannot be brought to the newest schema: "
                    f"row {row} of {table} refers to nothing in {parent}."
                )
    finally:
        engine.dispose()


def upgrade(connection: Connection) -> None:
    """Run what is missing on a connection of either dialect, within its transaction."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _script() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
