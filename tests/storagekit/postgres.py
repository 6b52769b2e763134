"""A PostgreSQL server of the tests' own: Debian's programs, a throw-away folder, loopback alone."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storagekit.clock import ManualClock

REQUIRED = "FLIPBOOK_REQUIRE_POSTGRES"
"""Set where its absence is a failure, not a skip."""
USER = "flipbook"
UNPRIVILEGED = "postgres"
"""Debian's package makes this user; the server refuses to run as root."""
TEMPLATE = "flipbook_template"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # Crashes of the server are not asked for here.
    "fsync": "off",
    "full_page_writes": "off",
    # A bot, an engine and a test have a handful of connections each.
    "max_connections": "60",
    "autovacuum": "off",
}
# Found before PostgreSQL's own: the clock that leases are counted on is in the test's hands, where it was set.
CLOCK = """
    CREATE SCHEMA test_clock;
    CREATE TABLE test_clock.moment (ms bigint NOT NULL);
    CREATE FUNCTION test_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
        SELECT coalesce((SELECT to_timestamp(ms / 1000.0) FROM test_clock.moment), pg_catalog.clock_timestamp())
    $$;
"""


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, of the newest release there is."""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else Path(on_path) if on_path else None
    return found.parent if found else None


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    call: Callable[..., None]
    """Runs one of PostgreSQL's programs on this server's folder."""
    log: Path

    def stop(self) -> None:
        """As for an update of the server: every session is ended."""
        self.call("pg_ctl", "stop", "--mode=fast", "--wait")

    def start(self) -> None:
        self.call("pg_ctl", "start", "--wait", "--timeout=60", f"--log={self.log}")

    def address(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def copy(self, template: str = TEMPLATE) -> Generator[str]:
        """A database of that content for one test; its address."""
        name = f"test_{next(_numbers)}"
        with closing(connect(self.address("postgres"))) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.address(name)
        finally:
            # Another session: the test may have stopped the server and started it again.
            with closing(connect(self.address("postgres"))) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


_numbers = itertools.count(1)


def connect(address: str) -> Any:
    """A psycopg connection beside the product's own, each statement committed at once."""
    import psycopg

    return psycopg.connect(address, autocommit=True)


@contextmanager
def running(bin_folder: Path) -> Generator[Server]:
    """A server with nothing in it, until the block ends."""
    # Not among pytest's own folders, which nobody but their user may enter.
    with tempfile.TemporaryDirectory(prefix="flipbook-postgres-") as name:
        yield from _serve(Path(name), bin_folder)


def _serve(folder: Path, bin_folder: Path) -> Generator[Server]:
    owner: dict[str, Any] = {}
    if sys.platform != "win32" and os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
        owner = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": ()}
    data, log = folder / "data", folder / "log"

    def call(program: str, *arguments: str) -> None:
        # Not captured by a pipe: the server inherits it and would keep it open.
        with (folder / "out").open("ab") as out:
            done = subprocess.run(
                [str(bin_folder / program), "-D", str(data), *arguments], cwd=folder, stdout=out, stderr=out, **owner
            )
        if done.returncode != 0:
            words = [path.read_text("utf-8", "replace") for path in (folder / "out", log) if path.exists()]
            raise RuntimeError(f"{program} failed: {' '.join(words)}")

    call("initdb", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C", "--no-sync")
    port = _free_port()
    options = {**SETTINGS, "port": str(port), "unix_socket_directories": "" if sys.platform == "win32" else str(folder)}
    with (data / "postgresql.auto.conf").open("a") as conf:
        conf.writelines(f"{name} = '{value}'\n" for name, value in options.items())
    server = Server(port, call, log)
    server.start()
    try:
        with closing(connect(server.address("postgres"))) as connection:
            connection.execute(f"ALTER ROLE {USER} SET search_path = public, test_clock, pg_catalog")
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        yield server
    finally:
        call("pg_ctl", "stop", "--mode=immediate")


class ServerClock(ManualClock):
    """A clock in the test's hands, of which the database's own is part."""

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection
        self._tell("INSERT INTO test_clock.moment VALUES (%s)")

    def pass_s(self, seconds: float) -> None:
        super().pass_s(seconds)
        self._tell("UPDATE test_clock.moment SET ms = %s")

    def set_lease(self, ms: int) -> None:
        super().set_lease(ms)
        self._tell("UPDATE test_clock.moment SET ms = %s")

    def reboot(self) -> None:
        """A machine boots; the server's clock goes on."""
        self.boot = f"{self.boot}+"

    def _tell(self, statement: str) -> None:
        self._connection.execute(statement, (self.up_ms,))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
