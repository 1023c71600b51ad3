"""The check that a file is ours, whole and harmless, without changing a byte of it.

It comes before SQLite opens the file for writing, for that alone may change it: a rollback journal
is played back, a short file is taken for an empty one, triggers and views run with our statements.
"""

from __future__ import annotations

import stat
from contextlib import closing
from typing import TYPE_CHECKING, Final

from jobactors.inside.report.file_owner import is_ours
from jobactors.model.errors import StoreDamaged, StoreFailed, StoreTooNew

from .connection import connect_to_look
from .failures import one_line
from .migrations import APPLICATION_ID, MIGRATIONS, expected_schema, schema_of, version_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from .migrations import Migration

# The opening waits for this: either takes about a third of a second at its size.
_CHECKED_UP_TO: Final = 64 * 2**20
_CHECKED_QUICKLY_UP_TO: Final = 128 * 2**20

_BESIDE: Final = ("-wal", "-shm", "-journal")
_HEADER_SIZE: Final = 100
_LAST_EPOCH: Final = 2**62


def inspect(
    path: Path,
    name: str,
    busy_timeout: float = 0.0,
    migrations: Sequence[Migration] = MIGRATIONS,
) -> None:
    """Refuse a file that is not ours, is newer, is damaged, or holds more than data.

    The structure of files up to 64 MB is checked as a whole, that of files up to 128 MB without
    comparing indices with tables; damage in a larger one is found when that part is read.  An empty
    file passes.

    Args:
        path: The file; it need not exist.
        name: The store's name in errors.
        busy_timeout: Seconds to wait for another program that has locked it.
        migrations: The steps this version knows.

    Raises:
        StoreTooNew: if it is of a later version.
        StoreDamaged: if it cannot be used for any other reason.
        StoreFailed: if it is a folder, a device, or anything else but a file.
        sqlite3.Error: if SQLite cannot read it.
    """
    refuse_foreign(path, name)
    if not path.exists() or not path.stat().st_size:
        return
    with closing(connect_to_look(path, busy_timeout)) as connection:
        connection.execute("BEGIN")  # one snapshot for all checks
        inspect_tables(connection, name, migrations)
        _check_structure(connection, name, path.stat().st_size)


def inspect_tables(
    connection: sqlite3.Connection, name: str, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Refuse a file whose tables are not ours, or newer; its rows are not looked at.

    Args:
        connection: A connection that only reads.
        name: The store's name in errors.
        migrations: The steps this version knows.

    Raises:
        StoreTooNew, StoreDamaged, sqlite3.Error: as :func:`inspect`.
    """
    _check_kind(connection, name, len(migrations))
    _check_schema(connection, name, migrations)
    _check_owner(connection, name)


def refuse_others(path: Path, name: str) -> None:
    """Refuse a file, and those that SQLite has beside it, of another user, or that are links.

    A file with two names would have a lock and a log for each, and so two owners at once.  In a
    folder that users share, one of them may have put it there before us: it stays readable for its
    owner whatever its permissions, and what we write could be changed.  Called before the file is
    opened, and once more when it is open.

    Raises:
        StoreFailed: if one is, or has a second name; the message has the cure.
    """
    for each in (path, *(path.with_name(path.name + suffix) for suffix in _BESIDE)):
        try:
            status = each.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode):
            raise StoreFailed(name, f"{each.name} is not a file", "open another one")
        if status.st_nlink > 1:
            why = f"{each.name} is one of {status.st_nlink} names of one file"
            raise StoreFailed(name, why, "remove its other hard links, or open a copy of it")
        refuse_owner(status.st_uid, each, name)


def refuse_links(path: Path, name: str) -> None:
    """Refuse a path that goes through a link of another user: what is stored would lie elsewhere.

    Raises:
        StoreFailed: the message has the cure.
    """
    for each in (path, *path.parents):
        if each.is_symlink() and not is_ours(each.lstat().st_uid, each.parent):
            why = f"{each} is a link that another user has put there"
            raise StoreFailed(name, why, "open a file in a folder of your own")


def refuse_owner(owner: int, path: Path, name: str) -> None:
    """Refuse a file of another user.

    Raises:
        StoreFailed: the message has the cure.
    """
    if not is_ours(owner, path.parent):
        raise StoreFailed(
            name,
            f"{path.name} belongs to another user, who could read and change what is stored",
            "open a file in a folder of your own",
        )


def refuse_foreign(path: Path, name: str) -> None:
    """Refuse, by a first look, all that is no file of SQLite's; a missing file passes.

    Raises:
        StoreDamaged, StoreFailed: as :func:`inspect`.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise StoreFailed(name, "it is not a file", "open another one")
    _refuse_journal(path, name)
    if path.stat().st_size:
        _check_header(path, name)


def _refuse_journal(path: Path, name: str) -> None:
    """Refuse a rollback journal: SQLite would play it back into the file; we never write one."""
    journal = path.with_name(path.name + "-journal")
    if journal.exists() and journal.stat().st_size:
        raise StoreDamaged(name, f"another program has left {journal.name} beside it")


def _check_header(path: Path, name: str) -> None:
    """Refuse a foreign header, or a short one: SQLite would take that file for an empty one."""
    with path.open("rb") as file:
        header = file.read(_HEADER_SIZE)
    if len(header) < _HEADER_SIZE or not header.startswith(b"SQLite format 3\0"):
        raise StoreDamaged(name, "it is no SQLite database")
    if not {*header[18:20]} <= {1, 2}:  # how it may be written, and read
        raise StoreDamaged(name, "it is of a format that SQLite does not write yet")


def _check_kind(connection: sqlite3.Connection, name: str, known: int) -> None:
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version = version_of(connection)
    if application == APPLICATION_ID:
        if version > known:
            raise StoreTooNew(name, version, known)
        if version < 1:
            raise StoreDamaged(name, f"no version is {version}")
    elif application or version or schema_of(connection):
        raise StoreDamaged(name, "it is a file of another program")


def _check_schema(
    connection: sqlite3.Connection, name: str, migrations: Sequence[Migration]
) -> None:
    found = schema_of(connection)
    expected = expected_schema(version_of(connection), migrations)
    if found == expected:
        return
    odd = sorted(f"{kind} {title}" for kind, title, *_ in found ^ expected)
    raise StoreDamaged(name, f"its tables are not as we make them: {one_line(', '.join(odd), 200)}")


def _check_owner(connection: sqlite3.Connection, name: str) -> None:
    if version_of(connection):
        epochs = connection.execute("SELECT epoch FROM owner LIMIT 2").fetchall()
        if [type(epoch) for (epoch,) in epochs] != [int] or not 0 <= epochs[0][0] <= _LAST_EPOCH:
            raise StoreDamaged(name, "its count of openings makes no sense")


def _check_structure(connection: sqlite3.Connection, name: str, size: int) -> None:
    if size > _CHECKED_QUICKLY_UP_TO:
        return
    check = "integrity_check" if size <= _CHECKED_UP_TO else "quick_check"
    verdict = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
    if verdict != b"ok":
        raise StoreDamaged(name, one_line(verdict.decode("utf-8", "replace"), 200))
