"""Schema steps: they end at the tables the program speaks of, after a backup, whole or not at all."""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from storage import migrate
from storage.database import FILE_NAME, Database
from storage.dispatch.embedded import next_in_turn
from storage.errors import DatabaseRefused
from storage.schema import metadata
from storage.sqlite import choose_sqlite


def shape(sql: str) -> tuple[str, ...]:
    """A CREATE statement without spacing and without the order of its constraints."""
    head, _, rest = sql.partition("(")
    # Quoted where a migration made the table anew and gave it its name.
    head = head.replace('"', "")
    lines = (re.sub(r"\s+", " ", line).strip(" ,") for line in rest.splitlines())
    return (" ".join(head.split()), *sorted(line for line in lines if line))


def shapes(path: Path) -> dict[str, tuple[str, ...]]:
    with closing(choose_sqlite().module.connect(str(path))) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: shape(sql) for name, sql in rows if name not in ("alembic_version", "sqlite_sequence")}


def test_migrations_end_at_the_tables_the_program_speaks_of(blank: Path, tmp_path: Path) -> None:
    direct = tmp_path / "direct.db"
    engine = create_engine("sqlite://", creator=lambda: choose_sqlite().connect(direct), module=choose_sqlite().module)
    metadata.create_all(engine)
    engine.dispose()
    assert shapes(blank) == shapes(direct)


def test_every_table_is_strict(blank: Path) -> None:
    with closing(choose_sqlite().module.connect(str(blank))) as connection:
        loose = connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0"
            " AND name NOT LIKE 'sqlite%' AND name <> 'alembic_version'"
        ).fetchall()
    assert loose == []


def test_the_same_text_is_postgresqls() -> None:
    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        CreateTable(table).compile(dialect=dialect)
        for index in table.indexes:
            CreateIndex(index).compile(dialect=dialect)
    turn = str(select(next_in_turn(1)).compile(dialect=dialect))
    assert "FOR NO KEY UPDATE OF request, account, person SKIP LOCKED" in turn


@pytest.fixture
def with_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Migrations with one more step, to be written by the test. Returns where."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    migrate.head.cache_clear()
    yield folder / "versions" / f"{NEXT}_next.py"
    migrate.head.cache_clear()


LAST = migrate.head()
NEXT = f"{int(LAST) + 1:04}"
STEP = f"""
from alembic import op
import sqlalchemy as sa
revision, down_revision = "{NEXT}", "{LAST}"
def upgrade():
    with op.batch_alter_table("person", table_kwargs={{"sqlite_strict": True}}) as table:
        table.add_column(sa.Column("note", sa.Text))
        table.alter_column("created_ms", nullable=True)
"""


async def _one_identity(folder: Path) -> None:
    def insert(db: Connection) -> None:
        db.execute(text("INSERT INTO person (id, created_ms, running) VALUES (1, 5, 0)"))
        db.execute(text("INSERT INTO identity VALUES (1, 1, 'discord', '17', 'Mia', 'en')"))

    async with await Database.open(folder) as database:
        await database.write(insert)


async def test_older_database_is_backed_up_and_migrated(tmp_path: Path, blank: Path, with_a_step: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(blank, folder)
    with_a_step.unlink(missing_ok=True)
    migrate.head.cache_clear()
    await _one_identity(folder)
    with_a_step.write_text(STEP)
    migrate.head.cache_clear()
    await (await Database.open(folder)).close()
    connect = choose_sqlite().module.connect
    with closing(connect(str(folder / FILE_NAME))) as now:
        assert now.execute("SELECT id, created_ms, note FROM person").fetchall() == [(1, 5, None)]
        # Rebuilding the parent's table took no child with it.
        assert now.execute("SELECT name FROM identity").fetchall() == [("Mia",)]
    (backup,) = (folder / "backups").iterdir()
    assert backup.name == f"before-{NEXT}-from-{LAST}.db"
    with closing(connect(str(backup))) as then:
        assert then.execute("SELECT id, created_ms FROM person").fetchall() == [(1, 5)]
    await (await Database.open(folder)).close()
    assert len(list((folder / "backups").iterdir())) == 1


@pytest.mark.parametrize(
    ("last_line", "error", "match"),
    [
        ("    raise ZeroDivisionError('in the middle')", ZeroDivisionError, "in the middle"),
        ("    op.execute('UPDATE identity SET person_id = 77')", DatabaseRefused, "refers to nothing in person"),
    ],
)
async def test_step_that_fails_changes_nothing(
    tmp_path: Path, blank: Path, with_a_step: Path, last_line: str, error: type[Exception], match: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(blank, folder)
    await _one_identity(folder)
    with_a_step.write_text(STEP + last_line + "\n")
    migrate.head.cache_clear()
    before = shapes(folder / FILE_NAME)
    with pytest.raises(error, match=match):
        await Database.open(folder)
    assert shapes(folder / FILE_NAME) == before
    with_a_step.unlink()
    migrate.head.cache_clear()
    await (await Database.open(folder)).close()
