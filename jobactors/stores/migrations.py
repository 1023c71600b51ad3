"""The tables of a store's file, as ordered steps from one version to the next.

``MIGRATIONS[n]`` leads from version n to n + 1.  Each is applied in one transaction together with
its record, which is the file's ``user_version``: however the process ends, a file is at one
version or at the next.  A step that was released is never changed; a new one is added behind it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

Migration = Callable[[sqlite3.Connection], None]
"""Changes the tables; runs inside a transaction, and neither begins nor ends one."""

APPLICATION_ID: Final = int.from_bytes(b"jobA", "big")
"""The file's own mark; ``file jobs.db`` shows it."""


def _make_tables(connection: sqlite3.Connection) -> None:
    # An ended job is one with a `finished_at`: one index serves the unfinished in the order of
    # submission (they lie together, by seq), and the ended by their end.
    connection.execute("""
        CREATE TABLE jobs (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            type TEXT NOT NULL,
            subject TEXT NOT NULL,
            state TEXT NOT NULL,
            submitted_at REAL NOT NULL,
            changed_at REAL NOT NULL,
            finished_at REAL,
            read INTEGER NOT NULL,
            spec TEXT NOT NULL,
            status TEXT NOT NULL,
            result TEXT,
            after TEXT NOT NULL
        )""")
    connection.execute("CREATE INDEX jobs_by_end ON jobs (finished_at)")
    connection.execute("""
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY,
            job INTEGER NOT NULL,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            detail TEXT NOT NULL
        )""")
    connection.execute("CREATE INDEX events_by_job ON events (job)")
    connection.execute("""
        CREATE TABLE checkpoints (
            seq INTEGER PRIMARY KEY,
            type TEXT NOT NULL,
            subject TEXT NOT NULL,
            part TEXT NOT NULL,
            job_id TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            value TEXT NOT NULL,
            items REAL NOT NULL,
            fraction REAL,
            created_at REAL NOT NULL,
            saved_at REAL NOT NULL,
            UNIQUE (type, subject, part)
        )""")
    connection.execute("CREATE TABLE owner (epoch INTEGER NOT NULL)")
    connection.execute("INSERT INTO owner VALUES (0)")


def _add_schedules(connection: sqlite3.Connection) -> None:
    # Documents are few, and each is written whole: schedules, templates, and what rates have
    # counted.  The occurrences of a schedule are many, and none may be there twice.
    connection.execute("""
        CREATE TABLE documents (
            seq INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            changed_at REAL NOT NULL,
            UNIQUE (kind, name)
        )""")
    connection.execute("""
        CREATE TABLE occurrences (
            seq INTEGER PRIMARY KEY,
            schedule TEXT NOT NULL,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            job_id TEXT NOT NULL,
            detail TEXT NOT NULL,
            count INTEGER NOT NULL,
            UNIQUE (schedule, at)
        )""")


MIGRATIONS: Final[tuple[Migration, ...]] = (_make_tables, _add_schedules)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of a file; 0 if it is empty."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def migrate(
    connection: sqlite3.Connection,
    migrations: Sequence[Migration] = MIGRATIONS,
    to: int | None = None,
) -> int:
    """Bring a file to the newest version, and return its version before.

    Each step is committed as soon as it is done.  If one fails, the steps before it stand, its own
    changes do not, and the error is raised.

    Args:
        connection: In autocommit mode, with no transaction open.
        migrations: The steps, from version 0 on.
        to: The version to stop at; default: after the last step.

    Example::

        migrate(sqlite3.connect("jobs.db", isolation_level=None))
    """
    came_from = version_of(connection)
    last = len(migrations) if to is None else to
    for version in range(came_from, last):
        connection.execute("BEGIN IMMEDIATE")
        try:
            migrations[version](connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has ended it already
                connection.execute("ROLLBACK")
            raise
    return came_from


def schema_of(connection: sqlite3.Connection) -> frozenset[tuple[object, ...]]:
    """Return everything a file defines: type, name, table and SQL of each object."""
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return frozenset(
        tuple(
            value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in row
        )
        for row in found
    )


def expected_schema(
    version: int, migrations: Sequence[Migration] = MIGRATIONS
) -> frozenset[tuple[object, ...]]:
    """Return what a file of this version defines, and nothing but that."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection, migrations, to=version)
        return schema_of(connection)
    finally:
        connection.close()
