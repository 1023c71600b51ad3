"""The ownership of a store: a lock of the operating system, and a table in this process.

One process at a time writes a file.  What was tried, and why it is done in this way:

- *A lease with a time* goes to another process while a laptop sleeps, and its owner writes on.
- *flock* is inherited by a forked child, which holds it on when its parent was killed.
- *lockf* belongs to one process and is gone with it, however it ends; a child has no part in it.
  But it is lost as soon as that process closes *any* descriptor of that file.  So it lies on a
  file of its own, which only this module opens, and never twice in a process: the table here, keyed
  by the file's identity, is asked first.
- *A lock file that exists or not* stays behind after ``kill -9``.

Whether a store has an owner is asked without taking its lock (``F_GETLK``): a process that opens it
in that moment would be refused.

The lock file is never removed: another process may wait for it, and a new one of the same name
would be another lock.  If a person removes it all the same, two processes may believe that they are
the owner; the epoch in the file then refuses the older one at its next transaction.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, final

from jobactors.model.errors import StoreBusy, StoreFailed

from .failures import from_os, one_line
from .inspection import refuse_owner
from .location import NO_LINK

if TYPE_CHECKING:
    from pathlib import Path

_POLL: Final = 0.05
_LONGEST_TEXT: Final = 200
_FLAGS: Final = os.O_RDWR | os.O_CREAT | NO_LINK | getattr(os, "O_NONBLOCK", 0)
_OURS: Final = re.compile(rb"(process \d.*)?\0*\Z", re.DOTALL)
"""The contents of a lock file: nothing yet, or its last owner's description of itself."""

Identity = tuple[int, int]
"""A file's identity under every path: device and inode."""


@final
class Ownership:
    """Holds the right to write a store, from ``acquire`` to ``release`` or the process's end."""

    def __init__(self, path: Path, fd: int, identity: Identity, owner: str) -> None:
        self.path = path
        """The store's own file."""
        self.owner = owner
        """This process, as the lock file names it to others."""
        self._fd = fd
        self._identity = identity
        self.is_ours = True
        """Whether this process acquired it: a forked child owns nothing of its parent's."""

    def release(self) -> None:
        """Release the lock.  In a forked child, and a second time, it does nothing."""
        if not self.is_ours or self._fd < 0:
            return
        with _table_lock:
            _table.pop(self._identity, None)
            os.close(self._fd)
            self._fd = -1


# Written under the lock, by every thread that opens or closes a store.
_table: dict[Identity, Ownership] = {}
_table_lock = threading.Lock()


def _forget_the_parents() -> None:
    global _table_lock  # noqa: PLW0603 - another thread may have held it when the process forked
    _table_lock = threading.Lock()
    for owned in _table.values():
        owned.is_ours = False
    # The descriptors stay open: they are nothing to the parent's locks, and others may use them.
    _table.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_parents)


def lock_path(path: Path) -> Path:
    """Return the path of a store's lock file, which only this module may open."""
    return path.with_name(path.name + ".lock")


def acquire(path: Path, patience: float = 0.0, name: str | None = None) -> Ownership:
    """Become the owner of the store at ``path``.

    Args:
        path: The store's file, an absolute path; its folder exists.
        patience: Seconds to wait for an owner that is about to end.
        name: The store's name in errors; default: its path.

    Raises:
        StoreBusy: if it has another owner, whom the message names.
        StoreFailed: if the lock file cannot be made, or not be locked.
    """
    called = name or str(path)
    give_up_at = time.monotonic() + patience
    while True:
        owner = _try(path, called)
        if isinstance(owner, Ownership):
            return owner
        if (left := give_up_at - time.monotonic()) <= 0:
            raise StoreBusy(called, owner)
        time.sleep(min(_POLL, left))


def _try(path: Path, called: str) -> Ownership | str:
    """Return the ownership, or the present owner's description."""
    lock = lock_path(path)
    try:
        with _table_lock:
            mine = _table.get(_identity_of(lock) or (0, 0)) or _owner_here(path)
            if mine is not None:
                return f"another job system in this process ({mine.owner})"
            fd = os.open(lock, _FLAGS, 0o600)
            is_taken = False
            try:
                taken = _lock_and_sign(path, lock, fd, called)
                is_taken = isinstance(taken, Ownership)
            finally:
                if not is_taken:
                    os.close(fd)
    except OSError as exc:
        raise from_os(called, exc) from exc
    return taken


def is_owned_here(path: Path) -> bool:
    """Return whether this process owns the store at ``path``, under any name."""
    with _table_lock:
        return _owner_here(path) is not None


def _owner_here(path: Path) -> Ownership | None:
    """Find the owner by the file itself: under a hard link it has another lock."""
    with contextlib.suppress(OSError):
        wanted = _identity_of(path)
        for owned in _table.values():
            if wanted is not None and _identity_of(owned.path) == wanted:
                return owned
    return None


def describe_owner(path: Path) -> str | None:
    """Return the description of the process that owns the store at ``path``; None if none does.

    Nothing is locked, so that no process that opens the store meanwhile is refused.

    Args:
        path: The store's file, an absolute path without symbolic links.
    """
    lock = lock_path(path)
    with _table_lock:
        # Closing a descriptor of its lock file would release a store that this process owns.
        mine = _table.get(_identity_of(lock) or (0, 0)) or _owner_here(path)
        if mine is not None:
            return mine.owner
        try:
            fd = os.open(lock, os.O_RDONLY | NO_LINK | getattr(os, "O_NONBLOCK", 0))
        except OSError:
            return None
        try:
            return _read_owner(fd) if _is_locked(fd) else None
        finally:
            os.close(fd)


def _lock_and_sign(path: Path, lock: Path, fd: int, called: str) -> Ownership | str:
    status = os.fstat(fd)
    _refuse_foreign_lock(status, lock, called)
    if not _lock(fd):
        return _read_owner(fd)
    if not _OURS.match(os.read(fd, _LONGEST_TEXT)):
        raise StoreFailed(
            called,
            f"{lock.name}, which would be its lock, is a file of another program",
            "give the store another name",
        )
    identity = (status.st_dev, status.st_ino)
    if identity != _identity_of(lock):
        return "a process whose lock file was just removed"
    owner = _describe_this_process()
    with contextlib.suppress(OSError):  # on a full disk it is owned all the same
        if hasattr(os, "fchmod"):
            os.fchmod(fd, 0o600)
        os.lseek(fd, 0, os.SEEK_SET)
        os.ftruncate(fd, 0)
        os.pwrite(fd, owner.encode(), 0) if hasattr(os, "pwrite") else os.write(fd, owner.encode())
    _table[identity] = owned = Ownership(path, fd, identity, owner)
    return owned


def _refuse_foreign_lock(status: os.stat_result, lock: Path, called: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StoreFailed(called, f"{lock.name} is not a file", "remove it, or open another store")
    refuse_owner(status.st_uid, lock, called)  # its owner could hold it for ever


def _identity_of(path: Path) -> Identity | None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _describe_this_process() -> str:
    program = one_line(os.path.basename(sys.argv[0] if sys.argv else "") or "python", 60)  # noqa: PTH119 - text, not a path of ours
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"process {os.getpid()} ({program}), since {since}"


def _read_owner(fd: int) -> str:
    """Return the owner's description of itself; it may be forged, so it is cut to one line."""
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, 4 * _LONGEST_TEXT).decode("utf-8", "replace")
    return one_line(text, _LONGEST_TEXT) or "another process"


if sys.platform == "win32":
    import msvcrt

    _FAR: Final = 1 << 30  # a lock here is mandatory: the text must lie outside of it

    def _lock(fd: int) -> bool:
        os.lseek(fd, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, 0, os.SEEK_SET)
        return True

    def _is_locked(fd: int) -> bool:
        taken = _lock(fd)  # there is no other way to find out
        if taken:
            os.lseek(fd, _FAR, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)
            os.lseek(fd, 0, os.SEEK_SET)
        return not taken

else:
    import errno
    import fcntl

    def _lock(fd: int) -> bool:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            if exc.errno in {errno.EACCES, errno.EAGAIN}:
                return False
            raise
        return True

    _IS_BSD: Final = sys.platform == "darwin" or "bsd" in sys.platform
    # `struct flock`: type and whence stand behind the numbers on BSDs, and before them elsewhere.
    _FLOCK: Final = struct.Struct("@qqihh" if _IS_BSD else "@hhqqi")

    def _is_locked(fd: int) -> bool:
        kind, whole = fcntl.F_WRLCK, (0, 0, 0)
        asked = (*whole, kind, 0) if _IS_BSD else (kind, 0, *whole)
        found = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, _FLOCK.pack(*asked)))
        return bool(found[3 if _IS_BSD else 0] != fcntl.F_UNLCK)
