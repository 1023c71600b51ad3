"""The locking that a disk allows: some cannot share memory, some cannot lock at all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from jobactors.model.errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

Locking = Literal["normal", "exclusive"]
"""SQLite's sharing of a file: by memory that all its users map, or not at all."""

# On another machine, with byte-range locks.
_LOCKING: Final = frozenset(
    {
        *("9p", "acfs", "afp", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "gpfs", "lustre"),
        *("nfs", "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "smb2", "smb3", "smbfs"),
        *("fuse.beegfs", "fuse.ceph", "fuse.glusterfs", "fuse.juicefs", "fuse.moosefs"),
        *("fuse.vmhgfs-fuse", "vboxsf", "virtiofs", "vmhgfs", "wekafs"),
    }
)
# On another machine, where every lock is granted, or none.
_LOCKLESS: Final = frozenset(
    {
        *("afs", "coda", "davfs", "ftpfs", "webdav"),
        *("fuse.blobfuse", "fuse.blobfuse2", "fuse.curlftpfs", "fuse.davfs2", "fuse.gcsfuse"),
        *("fuse.goofys", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    }
)
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
_MACOS_LINE: Final = re.compile(r"^.+? on (/.*) \((\w+)[,)]")


def locking_of(path: Path, name: str) -> Locking:
    """Return how the file at ``path`` is to be locked.

    Args:
        path: An absolute path without symbolic links; its folder exists.
        name: The store's name in errors.

    Raises:
        StoreFailed: if the disk cannot lock; the message has the cure.
    """
    kind = file_system_of(str(path), _mount_table())
    if os.name == "nt" and path.drive.startswith("\\\\"):
        kind = "smb3"
    try:
        return decide(kind)
    except ValueError as exc:
        raise StoreFailed(name, str(exc), "open a file on a local disk") from None


def decide(kind: str) -> Locking:
    """Return how a file on a file system of this kind is to be locked.

    Raises:
        ValueError: if it cannot be; the message has the reason.
    """
    if kind in _LOCKLESS:
        raise ValueError(f"it lies on {kind}, which has no locks")
    return "exclusive" if kind in _LOCKING else "normal"


def file_system_of(path: str, mount_table: str) -> str:
    """Return the kind of file system ``path`` lies on; "" if it is not in the table.

    Args:
        path: An absolute path.
        mount_table: The text of ``/proc/mounts``, or what ``mount`` prints on macOS.
    """
    best, kind = "", ""
    for point, found in _mounts(mount_table):
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # of two on one point the later one is seen
            best, kind = point, found
    return kind


def _mounts(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):  # other line ends may be part of a name
        if (macos := _MACOS_LINE.match(line)) is not None:
            yield macos[1], macos[2]
            continue
        _, point, kind, *_ = *line.split(" "), "", "", ""
        if point:
            yield _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), point), kind


def _mount_table() -> str:
    """Return the mount table; "" if it cannot be read: an unknown disk counts as a local one."""
    try:
        if sys.platform == "darwin":
            command = ["/sbin/mount"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
            return done.stdout
        return Path("/proc/mounts").read_bytes().decode("utf-8", "surrogateescape")
    except (OSError, subprocess.SubprocessError):
        return ""
