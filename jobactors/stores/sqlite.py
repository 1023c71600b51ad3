"""A store in one SQLite file.

Its promises, and their means:

- *All or nothing*: ``apply`` is one transaction, which begins by checking the owner.
- *Durable when it returns*: a commit is one append to a write-ahead log.  It has left the process
  then, and the disk's cache as well with ``durability="power"``.
- *One owner*: the operating system's lock (:mod:`.ownership`) for the file's whole life here, and
  an epoch inside of it, for the case that the lock was lost.
- *Nothing in it is code*: a file is looked at before it is opened for writing
  (:mod:`.inspection`), and each value of it before it is believed (:mod:`.rows`).

SQLite's own exclusive lock is not enough for the third: it is lost when this process opens
and closes the file a second time.  Then the SQLite of another process may remove the log, too, at
its end; so each transaction checks that the file and its log are still the ones it has open.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, final

from jobactors.engine.ports.store import ValueRefused
from jobactors.model.errors import StoreError, StoreFailed, StoreLost, WrongProcess
from jobactors.model.keep import Keep
from jobactors.stores import ownership

from .connection import close_without_log, connect_to_write, set_patience
from .disks import locking_of
from .failures import SqliteTrouble, from_os, from_sqlite, is_about_a_value, value_trouble
from .forgetting import (
    LINES_AT_MOST,
    cut_logs,
    forget_checkpoints,
    forget_jobs,
    forget_occurrences,
)
from .inspection import inspect, refuse_foreign, refuse_links, refuse_others
from .location import last_written, make_private, prepare, work_folder
from .migrations import MIGRATIONS, Migration, migrate
from .open_files import OpenFiles
from .ownership import lock_path
from .row_writer import RowBatch
from .store_queries import StoreQueries

if TYPE_CHECKING:
    import sqlite3

    from jobactors.engine.ports.store import QuickStore
    from jobactors.model.stored_rows import Write

    from .connection import Durability

_EPOCH: Final = "SELECT epoch FROM owner"
_NOT_OPEN: Final = ("it is not open", "open it first")
_T = TypeVar("_T")


@final
class SqliteStore(StoreQueries):
    """Holds jobs in a file, which one process at a time owns.

    Nothing is opened or made before :meth:`open`.  The file is for its user alone (0600), and so is
    each folder that is made for it (0700).  Beside it lie ``-wal`` and ``-shm`` while it is open,
    and ``.lock``, which no other code may open and which is never removed.

    Args:
        path: The file; made if it does not exist.
        durability: The failure that an acknowledged write survives. ``"os"`` (the default): the end
            of this process, however it ends.  ``"power"``: a power cut as well; each commit waits
            for the disk.
        keep: The limits for ended jobs and checkpoints; default: ``Keep()``, 7 days.

    Raises:
        ValueError: if ``durability`` is neither.

    Example::

        async with ja.open_jobs(store=ja.SqliteStore("jobs.db", durability="power")) as jobs:
            ...
    """

    in_loop: ClassVar[bool] = False
    busy_timeout: ClassVar[float] = 5.0
    """Seconds to wait for another program that has locked the file, before it is StoreFailed."""
    _migrations: ClassVar[Sequence[Migration]] = MIGRATIONS

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Durability = "os",
        keep: Keep | None = None,
    ) -> None:
        if durability not in {"os", "power"}:
            raise ValueError(f'durability is "os" or "power", not {durability!r:.100}')
        self._given = Path(path).expanduser()
        self._path = self._given.absolute()
        self._real = os.path.realpath(self._path)
        self._durability: Durability = durability
        self.keep: Keep = keep or Keep()
        """The limits for ended jobs and checkpoints."""
        self.last_written: float | None = None
        """When an earlier owner wrote it last, in seconds since the epoch; None for a new file."""
        self._epoch = 0
        self._owned: ownership.Ownership | None = None
        self._connection: sqlite3.Connection | None = None
        self._hurries = False
        """Whether the connection waits for nothing."""
        self._is_spoilt = False
        """Whether a transaction of the connection could not be undone."""
        self._exclusive = False
        self._files: OpenFiles | None = None
        super().__init__(self.name)
        self._logged: set[str] | None = None

    def __repr__(self) -> str:
        options = "" if self._durability == "os" else f"durability={self._durability!r}, "
        if self.keep != Keep():
            options += f"keep={self.keep!r}, "
        return f"<SqliteStore {self.name!r}, {options}{'open' if self._owned else 'closed'}>"

    def __eq__(self, other: object) -> bool:
        """Return whether both use the same file, in the same way."""
        return isinstance(other, SqliteStore) and self._meaning() == other._meaning()

    def __hash__(self) -> int:
        return hash(self._real)

    def _meaning(self) -> tuple[str, str, Keep]:
        return self._real, self._durability, self.keep

    @property
    def name(self) -> str:
        """Its path, as it was given."""
        return str(self._given)

    @property
    def path(self) -> Path:
        """Its path, absolute; once it is open, without symbolic links."""
        return self._path

    @property
    def work_folder(self) -> Path:
        """The folder beside the file, its name with ``.work`` behind; it need not exist."""
        return work_folder(self._path)

    # -- opening and closing

    def open(self, patience: float = 0.0) -> int:
        """Become its owner and return the new owner epoch; see :class:`~jobactors.Store`.

        1. Its folder is made.  2. The lock is taken.  3. The file is looked at, and refused without
        a byte of it being changed.  4. It is brought to the newest version.  5. The epoch is
        counted up.

        Args:
            patience: Seconds to wait for a predecessor that is about to end.
        """
        if self._owned is not None:
            raise StoreFailed(self.name, "it is open already", "close it first")
        with self._translating():
            refuse_links(self._given.absolute(), self.name)
            self._path = prepare(self._path)
            self._exclusive = locking_of(self._path, self.name) == "exclusive"
            # Beside a foreign file not even a lock is left; a file we have open is not read again.
            if not (lock_path(self._path).exists() or ownership.is_owned_here(self._path)):
                refuse_foreign(self._path, self.name)
            self._owned = ownership.acquire(self._path, patience, self.name)
        try:
            with self._translating():
                refuse_others(self._path, self.name)
                self.last_written = last_written(self._path)  # before a byte of it is changed
                inspect(self._path, self.name, self.busy_timeout, self._migrations)
                make_private(self._path)
                self._connection = self._connect()
                migrate(self._connection, self._migrations)
                self._epoch = self._count_up(self._connection)
                refuse_others(self._path, self.name)  # what is open now
                self._files = OpenFiles(self._path, self.name)
        except BaseException:
            self.close()
            raise
        self._logged = None
        return self._epoch

    def close(self) -> None:
        """Give the file up, after writing the log back into it.  A second time does nothing."""
        owned, self._owned = self._owned, None
        if owned is None:
            return
        if not owned.is_ours:  # closing it in a forked child would touch the parent's files
            _parents.append(self._connection)
            self._connection = None
        self._disconnect()
        self._files = None
        owned.release()

    def _connect(self) -> sqlite3.Connection:
        connection = connect_to_write(
            self._path,
            durability=self._durability,
            exclusive=self._exclusive,
            busy_timeout=self.busy_timeout,
            with_log=True,
        )
        self._hurries = self._is_spoilt = False
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with suppress(*SqliteTrouble):
            if self._files is not None and self._files.is_cut:
                close_without_log(connection, self._path)
            else:
                connection.close()

    def _count_up(self, connection: sqlite3.Connection) -> int:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE owner SET epoch = epoch + 1")
        epoch: int = connection.execute(_EPOCH).fetchone()[0]
        connection.execute("COMMIT")
        return epoch

    # -- writing

    def apply(self, writes: Sequence[Write]) -> None:
        """Write all of it or nothing, in this order; it is durable when this returns."""
        try:
            batch = RowBatch(writes)
            self._write_batch(batch)
        except StoreFailed as exc:
            if exc.__cause__ is not None and is_about_a_value(exc.__cause__):
                self._refuse_values(writes, exc.__cause__)
            raise
        if self._logged is not None:
            self._logged |= batch.logged

    @property
    def quick(self) -> QuickStore | None:
        """Itself, if a commit waits for no disk."""
        return self if self._durability == "os" and not self._exclusive else None

    def apply_now(self, writes: Sequence[Write]) -> bool:
        """Write all of it, unless that fails, or has to wait; see the protocol."""
        try:
            batch = RowBatch(writes)
            self._write(batch.run, hurries=True)
        except (StoreError, UnicodeEncodeError):
            return False
        if self._logged is not None:
            self._logged |= batch.logged
        return True

    def _write_batch(self, batch: RowBatch) -> None:
        try:
            self._write(batch.run)
        except UnicodeEncodeError:  # nothing is written yet, and these texts are rare
            batch.make_bindable()
            self._write(batch.run)

    def _refuse_values(self, writes: Sequence[Write], exc: BaseException) -> None:
        """Raise ValueRefused with the places of the writes that SQLite does not take, if any."""
        which = [place for place, write in enumerate(writes) if self._is_refused(write)]
        if which:
            raise ValueRefused(self.name, *value_trouble(exc), which) from exc

    def _is_refused(self, write: Write) -> bool:
        """Try a write, and undo it."""
        connection = self._connected()
        batch = RowBatch([write])
        batch.make_bindable()
        try:
            connection.execute("BEGIN IMMEDIATE")
            batch.run(connection)
        except SqliteTrouble as exc:
            return is_about_a_value(exc)
        finally:
            self._undo(connection)
        return False

    def prune(self, now: float, at_most: int = 500) -> int:
        """Forget up to ``at_most`` jobs and checkpoints that ``keep`` lets go; see the protocol.

        Event logs are cut as well, by no more than twenty lines for each of ``at_most``.
        """

        def forget(connection: sqlite3.Connection) -> tuple[int, set[str] | None]:
            jobs = forget_jobs(connection, self.keep, now, at_most)
            checkpoints = forget_checkpoints(connection, self.keep, now, at_most - jobs)
            lines = at_most * LINES_AT_MOST
            forget_occurrences(connection, self.keep, now)
            return jobs + checkpoints, cut_logs(connection, self.keep, self._logged, lines)

        forgotten, self._logged = self._write(forget)
        return forgotten

    def vacuum(self) -> None:
        """Return the space of forgotten rows to the disk.

        Takes as long as copying the file, and as much room on the disk.
        """
        self._write(lambda _: None)  # fails unless we own it
        with self._translating():
            connection = self._connected()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            if self._files is not None:
                self._files.note_commit()

    def _write(self, change: Callable[[sqlite3.Connection], _T], *, hurries: bool = False) -> _T:
        """Run ``change`` in a transaction that holds while this store owns the file."""
        # No context manager here: every change comes this way, and it would be a tenth of its cost.
        connection = self._connected(hurries=hurries)
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._check_epoch(connection)
            done = change(connection)
            connection.execute("COMMIT")
            if self._files is not None:
                self._files.note_commit()
        except SqliteTrouble as exc:
            self._undo(connection)
            raise self._translated(exc) from exc
        except BaseException:
            self._undo(connection)
            raise
        return done

    def _check_epoch(self, connection: sqlite3.Connection) -> None:
        if connection.execute(_EPOCH).fetchone() != (self._epoch,):
            raise StoreLost(self.name)

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:  # a full disk ends it by itself
                connection.execute("ROLLBACK")
        except SqliteTrouble:  # closing it may take time, which the loop has not
            self._is_spoilt = True

    # -- reading: see StoreQueries

    def _read(self, ask: Callable[[sqlite3.Connection], _T]) -> _T:
        connection = self._connected()
        try:
            return ask(connection)
        except SqliteTrouble as exc:
            raise self._translated(exc) from exc

    # -- the connection

    def _connected(self, *, hurries: bool = False) -> sqlite3.Connection:
        """Return a connection to the file that is there now."""
        if self._owned is None:
            raise StoreFailed(self.name, *_NOT_OPEN)
        if not self._owned.is_ours:
            raise WrongProcess
        connection, files = self._connection, self._files
        if files is None:  # not yet: it is being opened
            raise StoreFailed(self.name, *_NOT_OPEN)
        if not files.is_log_ours() or connection is None or self._is_spoilt:
            if hurries:  # to open it takes time
                raise StoreFailed(self.name, *_NOT_OPEN)
            return self._connect_again(files)
        files.check_file_now_and_then()
        if hurries is not self._hurries:
            set_patience(connection, self.busy_timeout, hurries=hurries)
            self._hurries = hurries
        return connection

    def _connect_again(self, files: OpenFiles) -> sqlite3.Connection:
        """Connect after a failure, or after another program has taken the log away at its end."""
        self._disconnect()
        files.check_file()
        try:
            self._connection = self._connect()
        except SqliteTrouble as exc:
            raise self._translated(exc) from exc
        files.note_connection()
        return self._connection

    @contextmanager
    def _translating(self) -> Generator[None]:
        try:
            yield
        except (*SqliteTrouble, OSError) as exc:
            raise self._translated(exc) from exc

    def _translated(self, exc: Exception) -> Exception:
        made = from_os(self.name, exc) if isinstance(exc, OSError) else None
        return made or from_sqlite(self.name, exc)


# Connections that a forked child has inherited: collecting one would close the parent's files.
_parents: Final[list[Any]] = []
