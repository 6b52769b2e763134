"""Schema steps: they end at the tables the program speaks of, after a backup, whole or not at all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
from storagekit import postgres
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, finish, params, wish
from storagekit.homes import Home

from storage import migrate
from storage.database import FILE_NAME, Database
from storage.dispatch.embedded import next_in_turn
from storage.documents import write_params
from storage.errors import DatabaseRefused
from storage.invariants import violations
from storage.jobs import JobState
from storage.schema import metadata
from storage.settings import QueueSettings, QuotaSettings
from storage.sqlite import choose_sqlite
from storage.store import Store


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


PARAMS = write_params(replace(params(duration_ms=5000), prompt="a boat"))
# As revision 0001 left them: somebody with a bucket and a film that was drawn, one that waits, one that was deleted.
ROWS_OF_0001 = f"""
INSERT INTO person (id, created_ms, erased_ms, scrubbed_ms, tokens_ms, tokens_at_ms, running)
    VALUES (1, 5, NULL, NULL, NULL, NULL, 0), (2, 6, NULL, NULL, 4000, 7, 0);
INSERT INTO identity (id, person_id, platform, platform_user_id, name, locale)
    VALUES (1, 1, 'discord', '900719925474099267', 'Mia', 'en'), (2, 2, 'telegram', '17', 'Leo', 'it');
INSERT INTO account (id, person_id, platform, community_id, weight_permille, tokens_ms, tokens_at_ms, sfq_finish,
    queued, running) VALUES (1, 1, 'discord', 'guild', 1000, 110000, 1800000000000, 9, 1, 0);
INSERT INTO request (id, idem, identity_id, account_id, chat_id, kind, params, duration_ms, sections, state, rev, epoch,
    tries, est_ms, sfq_start, created_ms, queued_ms, started_ms, ended_ms, cancel_ms, cancel_by, result, trimmed_ms,
    purged_ms, origin, spoiler) VALUES
    (1, 'a', 1, 1, 'channel', 'new', '{PARAMS}', 5000, 4, 'cancelled', 3, 1, 0, 9, 0, 5, 5, 6, 7, 6, 'member', NULL,
        NULL, NULL, '', 0),
    (2, 'b', 1, 1, 'channel', 'new', '{PARAMS}', 5000, 4, 'queued', 1, 0, 0, 9, 9, 5, 5, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, '', 0),
    (3, 'c', 1, 1, 'channel', 'new', '{PARAMS}', 5000, 4, 'done', 3, 1, 0, 9, 9, 5, 5, 6, 7, NULL, NULL, NULL, 8, 8,
        '', 0);
INSERT INTO attempt (request_id, epoch, worker, started_ms, ended_ms, outcome)
    VALUES (1, 1, 'card-0', 6, 7, 'cancelled'), (3, 1, 'card-0', 6, 7, 'done');
INSERT INTO section (request_id, idx, epoch, gpu_ms, sha256, suffix, byte_count)
    VALUES (1, 0, 1, 700, '{"ab" * 32}', '.safetensors', 9);
INSERT INTO request_blob (request_id, role, sha256, suffix, byte_count)
    VALUES (1, 'picture', '{"cd" * 32}', '.png', 9), (2, 'picture', '{"cd" * 32}', '.png', 9);
INSERT INTO ledger (id, person_id, request_id, kind, ms, at_ms) VALUES (1, 1, 1, 'reserve', 5000, 5),
    (2, 1, 1, 'settle', -3800, 7), (3, 1, 2, 'reserve', 5000, 5), (4, 1, 3, 'reserve', 5000, 5),
    (5, 1, 3, 'settle', 0, 7);
INSERT INTO outbox (request_id, rev, state, at_ms, not_before_ms, tries, sent_ms) VALUES
    (1, 1, 'queued', 5, 5, 0, 5), (1, 2, 'running', 6, 6, 0, 6), (1, 3, 'cancelled', 7, 7, 0, 7),
    (2, 1, 'queued', 5, 5, 0, 5);
UPDATE queue SET queued = 1, est_ms = 9, virtual_ms = 0;
"""


def _of_0001(db: Connection) -> None:
    """The tables of revision 0001, with rows in them."""
    from alembic import command

    config = migrate._config()
    config.attributes["connection"] = db
    command.upgrade(config, "0001")
    for statement in ROWS_OF_0001.split(";\n"):
        if statement.strip():
            db.exec_driver_sql(statement)


def _old_file(folder: Path) -> None:
    sqlite = choose_sqlite()
    engine = create_engine("sqlite://", creator=lambda: sqlite.connect(folder / FILE_NAME), module=sqlite.module)
    with engine.begin() as db:
        _of_0001(db)
    engine.dispose()


def _old_server(address: str) -> None:
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as db:
        _of_0001(db)
    engine.dispose()


@pytest.fixture
def aged(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Generator[Home]:
    """A database that revision 0001 left behind."""
    if kind == "sqlite":
        _old_file(tmp_path)
        yield Home(folder=tmp_path)
        return
    server: postgres.Server = request.getfixturevalue("server")
    with server.copy("template0") as address:
        _old_server(address)
        yield Home(folder=tmp_path, address=address)


async def test_database_of_the_first_revision_goes_on_with_its_rows(aged: Home) -> None:
    await _goes_on(await aged.open())


async def _goes_on(database: Database) -> None:
    async with database:
        assert await violations(database, None) == []
        store = Store(database, clock=ManualClock(), queue=QueueSettings(), quota=QuotaSettings())
        # What was left of the old bucket binds still; the one for all communities together is full.
        left = await store.allowance(MIA, "guild")
        assert (left.left_ms, left.everywhere, left.queued) == (110_000, False, 1)
        assert (await store.allowance(LEO, "-1")).left_ms > 4000
        status = await store.status(1)
        assert (status.state, status.charged_ms, status.params.prompt) == (JobState.CANCELLED, 1200, "a boat")
        assert [status.request_id for status in await store.history(MIA)] == [3, 2, 1]
        done = await finish(store, await begin(store))
        assert (done.request_id, done.charged_ms) == (2, 5000)
        assert (await store.submit(wish("d"))).request_id == 4
        assert (await store.allowance(MIA, "another")).left_ms == 120_000 - 2400
        assert await violations(database, None) == []
