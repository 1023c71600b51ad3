"""A look into a store's file, without owning it: also while another process writes it."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

from jobactors.model.errors import StoreError, StoreFailed

from .connection import connect_to_look
from .failures import SqliteTrouble, from_os, from_sqlite
from .inspection import inspect_tables, refuse_foreign, refuse_links, refuse_others
from .ownership import describe_owner
from .row_reader import Reader

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Callable, Generator, Iterable

    from jobactors.model.states import JobState
    from jobactors.model.stored_rows import CheckpointRow, DocumentRow, EventRow, JobRow

_T = TypeVar("_T")
_PATIENCE: Final = 2.0
"""Seconds to wait for another program that has locked the file."""
_NOT_ALLOWED: Final = ("this user may not", "have its owner allow that, or name another store")
_HAS_DOCUMENTS: Final = "SELECT 1 FROM sqlite_master WHERE name = 'documents'"
MOST_MEANT: Final = 6
"""Ids that a beginning is completed to, at most."""


@final
class StoreView:
    """Reads the jobs of a store's file at this moment.  Nothing is locked, changed or executed.

    Its owner may write meanwhile; each read sees the last commit before it.  A context manager.

    Args:
        path: The file, which has to exist.

    Raises:
        StoreError: at the entry, for a file that cannot be read; StoreDamaged, StoreTooNew.

    Example::

        with StoreView("jobs.db") as view:
            rows = view.unfinished()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._given = Path(path).expanduser()
        self._path = self._given.absolute()
        self._reader = Reader(str(self._given))
        self._connection: sqlite3.Connection | None = None

    @property
    def name(self) -> str:
        """Its path, as it was given."""
        return str(self._given)

    @property
    def path(self) -> Path:
        """Its path, absolute and without symbolic links."""
        return self._path.resolve()

    @property
    def owner(self) -> str | None:
        """The process that owns the file, as it describes itself; None if none does."""
        return describe_owner(self.path)

    def __enter__(self) -> StoreView:
        try:
            refuse_links(self._path, self.name)
            if not self.path.is_file():
                is_there = self.path.exists()
                why = "it is not a file" if is_there else "there is no such file"
                told = f"{self.name} cannot be read: {why}: name the file of a store"
                raise StoreError(self.name, told)
            refuse_foreign(self.path, self.name)
            refuse_others(self.path, self.name)
            if self.path.stat().st_size == 0:
                why = "it is empty: no job has been stored there yet"
                raise StoreError(self.name, f"{self.name} cannot be read: {why}")
            connection = connect_to_look(self.path, _PATIENCE)
            try:
                inspect_tables(connection, self.name)
            except BaseException:
                connection.close()
                raise
        except (OSError, *SqliteTrouble) as exc:
            raise self._trouble(exc) from exc
        except StoreFailed as exc:
            raise self._unread(exc) from None
        self._connection = connection
        return self

    def __exit__(self, *_: object) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*SqliteTrouble):
                connection.close()

    @contextmanager
    def one_moment(self) -> Generator[None]:
        """Make all reads in the block see the same commit: no job is both at work and ended."""
        self._read(lambda connection: connection.execute("BEGIN"))
        try:
            yield
        finally:
            self._read(lambda connection: connection.execute("ROLLBACK"))

    def unfinished(self, limit: int | None = None) -> list[JobRow]:
        """Return the jobs that have not ended, in the order of submission.

        Args:
            limit: Only the newest so many; default: all.
        """
        if limit is None:
            return self._read(self._reader.unfinished)
        return self._read(lambda connection: self._reader.newest_unfinished(connection, limit))

    def finished(
        self,
        limit: int,
        *,
        since: float | None = None,
        states: Iterable[JobState] | None = None,
        type: str | None = None,
        subject: str | None = None,
    ) -> list[JobRow]:
        """Return the newest ended jobs that match all arguments, newest end first."""
        return self._read(
            lambda connection: self._reader.finished(
                connection, limit, since=since, states=states, type=type, subject=subject
            )
        )

    def count(self) -> dict[str, int]:
        """Return how many jobs there are in each state."""

        def ask(connection: sqlite3.Connection) -> dict[str, int]:
            found = connection.execute("SELECT state, count(*) FROM jobs GROUP BY state")
            return {_text(state): number for state, number in found.fetchall()}

        return self._read(ask)

    def get(self, job_ids: Iterable[str]) -> list[JobRow]:
        """Return the rows of these jobs, each once, in the order of the ids."""
        return self._read(lambda connection: self._reader.get(connection, job_ids))

    def ids_like(self, beginning: str) -> list[str]:
        """Return the ids that begin so, the newest jobs first, six at most."""

        def ask(connection: sqlite3.Connection) -> list[str]:
            sql = "SELECT id FROM jobs WHERE substr(id, 1, ?) = ? ORDER BY seq DESC LIMIT ?"
            found = connection.execute(sql, (len(beginning), beginning, MOST_MEANT))
            return [_text(job_id) for (job_id,) in found.fetchall()]

        return self._read(ask)

    def events(self, job_id: str) -> list[EventRow]:
        """Return a job's event log, oldest first."""
        return self._read(lambda connection: self._reader.events(connection, job_id))

    def checkpoints(self) -> list[CheckpointRow]:
        """Return all checkpoints, the one saved longest ago first."""
        return self._read(self._reader.checkpoints)

    def documents(self, kind: str) -> list[DocumentRow]:
        """Return all documents of a kind, in the order in which they came."""

        def ask(connection: sqlite3.Connection) -> list[DocumentRow]:
            with closing(connection.execute(_HAS_DOCUMENTS)) as found:
                if found.fetchone() is None:  # a file of an earlier version
                    return []
            return self._reader.documents(connection, kind)

        return self._read(ask)

    @property
    def version(self) -> int:
        """A number that differs from an earlier one if another process has written meanwhile."""
        return self._read(_version)

    def _read(self, ask: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._connection is None:
            raise self._unread(StoreFailed(self.name, "it is not open", "read it in a with block"))
        try:
            return ask(self._connection)
        except (*SqliteTrouble, UnicodeEncodeError) as exc:
            raise self._trouble(exc) from exc

    def _trouble(self, exc: BaseException) -> StoreError:
        if isinstance(exc, PermissionError):
            return self._unread(StoreFailed(self.name, *_NOT_ALLOWED))
        return self._unread(
            from_os(self.name, exc) if isinstance(exc, OSError) else from_sqlite(self.name, exc)
        )

    def _unread(self, error: StoreError) -> StoreError:
        """Return the error of a read: nothing was to be written."""
        if not isinstance(error, StoreFailed):
            return error
        return StoreError(self.name, f"{self.name} cannot be read ({error.why}): {error.cure}")


def _version(connection: sqlite3.Connection) -> int:
    with closing(connection.execute("PRAGMA data_version")) as found:
        version: int = found.fetchone()[0]
    return version


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
