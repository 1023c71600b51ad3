"""Connections to a file of unknown origin, opened with every defence SQLite has."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final, Literal

from .statements import MOST_VALUES

if TYPE_CHECKING:
    from pathlib import Path

Durability = Literal["os", "power"]
"""The failure that an acknowledged write survives: the end of the process, or a power cut too."""

LARGEST_VALUE: Final = 2**27
"""Bytes of one row: what is larger is neither written nor read."""

# No file can make SQLite do more than our own statements need. VACUUM attaches one file.
_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_LENGTH: LARGEST_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 64,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 64,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 4,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 8,
    sqlite3.SQLITE_LIMIT_ATTACHED: 1,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: MOST_VALUES,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

# By name: Python 3.11 has no setconfig; there the check of the schema has to do.
_CONFIG: Final = {
    "SQLITE_DBCONFIG_DEFENSIVE": True,
    "SQLITE_DBCONFIG_ENABLE_TRIGGER": False,
    "SQLITE_DBCONFIG_ENABLE_VIEW": False,
    "SQLITE_DBCONFIG_TRUSTED_SCHEMA": False,
    "SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION": False,
    "SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER": False,
    "SQLITE_DBCONFIG_DQS_DML": False,
    "SQLITE_DBCONFIG_DQS_DDL": False,
}

_SYNCHRONOUS: Final[dict[Durability, str]] = {"os": "NORMAL", "power": "FULL"}
_CACHE_KIB: Final = 8 * 1024
_WAL_BYTES: Final = 16 * 2**20
_WAL_PAGES: Final = 4_000
"""Pages of the log after which it is written back into the file, and both wait for the disk.

With SQLite's thousand, jobs that run one after another wait as long for that as for their commits.
"""


def connect_to_look(path: Path, busy_timeout: float = 0.0) -> sqlite3.Connection:
    """Open a file that exists for reading only: not a byte of it or of its log is changed."""
    # Without a log nothing needs to be recovered, and no file beside it needs to be made.
    log = path.with_name(path.name + "-wal")
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    return _defended(f"{path.as_uri()}?{mode}", busy_timeout)


def connect_to_write(
    path: Path,
    *,
    durability: Durability,
    exclusive: bool,
    busy_timeout: float,
    with_log: bool = False,
) -> sqlite3.Connection:
    """Open a file as its owner, in autocommit mode.

    Args:
        path: An absolute path; the file exists.
        durability: Whether each commit waits for the disk.
        exclusive: Whether SQLite holds its lock throughout, for file systems that share no memory.
        busy_timeout: Seconds to wait for another program that has locked the file.
        with_log: Whether a commit is one append, to a write-ahead log.

    Raises:
        sqlite3.OperationalError: if the file system cannot do that.
    """
    connection = _defended(f"{path.as_uri()}?mode=rw", busy_timeout)
    try:
        if exclusive:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        connection.execute(f"PRAGMA fullfsync = {int(durability == 'power')}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        connection.execute("PRAGMA secure_delete = ON")  # what is deleted may be about a person
        if with_log:
            _turn_on_log(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def set_patience(connection: sqlite3.Connection, busy_timeout: float, *, hurries: bool) -> None:
    """Let a commit wait for what it has to wait for, or for nothing that can be put off.

    Args:
        connection: Of :func:`connect_to_write`.
        busy_timeout: Seconds to wait for another program that has locked the file.
        hurries: Whether it waits for no program, and leaves the log as long as it is.
    """
    wait, pages = (0, 0) if hurries else (int(busy_timeout * 1_000), _WAL_PAGES)
    connection.execute(f"PRAGMA busy_timeout = {wait}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")


def _turn_on_log(connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode == b"wal":
        return
    # Every program that opens the file plays a rollback journal back, so ours is never on the disk.
    connection.execute("PRAGMA journal_mode = MEMORY")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != b"wal":
        raise sqlite3.OperationalError("its disk allows no write-ahead log")


def close_without_log(connection: sqlite3.Connection, path: Path) -> None:
    """Close a connection whose log has lost its end, without writing it back into the file.

    SQLite would write what is left of each page, and so mix old pages and new ones.  The next
    connection reads the log anew, up to where it is whole.
    """
    # The last connection writes the log back; one that only reads cannot.
    last = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
    with closing(last), suppress(sqlite3.Error):
        last.execute("SELECT count(*) FROM sqlite_master").fetchall()
        connection.close()
    with suppress(sqlite3.Error):
        connection.close()


def _defended(uri: str, busy_timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,  # one thread at a time, but not always the same
        cached_statements=64,
    )
    try:
        connection.text_factory = bytes  # each value is decoded by itself: one may be no text
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        _configure(connection)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA mmap_size = 0")  # a file that is cut must not be a SIGBUS
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: Any) -> None:
    if hasattr(connection, "setconfig"):
        for name, value in _CONFIG.items():
            with suppress(AttributeError, sqlite3.Error):  # what this SQLite is built without
                connection.setconfig(getattr(sqlite3, name), value)
