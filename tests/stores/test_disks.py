"""The locking that a disk allows, decided by the text of a mount table."""

from __future__ import annotations

from pathlib import Path

import pytest

import jobactors as ja
from jobactors.stores import disks
from jobactors.stores.disks import decide, file_system_of, locking_of
from tests.stores.samples import job, put
from tests.stores.scripts import running

LINUX = """\
/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/ann/local xfs rw 0 0
ann@host:/ /home/ann/my\\040remote\\011disk fuse.sshfs rw 0 0
//nas/data /mnt/data cifs rw 0 0
overlay /mnt/twice overlay rw 0 0
server:/x /mnt/twice nfs rw 0 0
nonsense
"""

MACOS = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
//ann@nas._smb._tcp.local/data on /Volumes/my data (smbfs, nodev, nosuid, mounted by ann)
server:/home on /Volumes/home (nfs)
"""

READER = """
import sqlite3
try:
    sqlite3.connect(path, timeout=0).execute("SELECT 1 FROM jobs")
except sqlite3.OperationalError as exc:
    say(exc)
"""

PLACES = {
    "/etc/jobs.db": "ext4",
    "/home/bob/jobs.db": "nfs4",
    "/home": "nfs4",
    "/homely/jobs.db": "ext4",
    "/home/ann/local/jobs.db": "xfs",
    "/home/ann/my remote\tdisk/jobs.db": "fuse.sshfs",
    "/mnt/data/x/y/jobs.db": "cifs",
    "/mnt/twice/jobs.db": "nfs",
}


@pytest.mark.parametrize(("path", "kind"), PLACES.items())
def test_the_longest_mount_point_above_a_file_is_its_disk(path: str, kind: str) -> None:
    """Of two in one place, the later one hides the earlier."""
    assert file_system_of(path, LINUX) == kind


def test_the_table_of_macos_is_read_as_well() -> None:
    """It has other columns."""
    assert file_system_of("/Users/ann/jobs.db", MACOS) == "apfs"
    assert file_system_of("/Volumes/my data/jobs.db", MACOS) == "smbfs"
    assert file_system_of("/Volumes/home/jobs.db", MACOS) == "nfs"


@pytest.mark.parametrize("table", ["", "\n", "a b", " on / (x", "x on / (", "\udcff /\udcff x 0"])
def test_a_table_that_says_nothing_is_no_network(table: str) -> None:
    """An unknown disk is taken for a local one."""
    assert decide(file_system_of("/home/jobs.db", table)) == "normal"


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "apfs", "tmpfs", "overlay", "zfs", ""])
def test_a_local_disk_is_shared_as_usual(kind: str) -> None:
    """Others may read what is there meanwhile."""
    assert decide(kind) == "normal"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "lustre", "ceph"])
def test_a_network_disk_is_locked_for_one(kind: str) -> None:
    """Two machines share no memory."""
    assert decide(kind) == "exclusive"


@pytest.mark.parametrize("kind", ["fuse.sshfs", "fuse.s3fs", "fuse.rclone", "davfs"])
def test_a_disk_without_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Before a file is made there, and with the cure."""
    monkeypatch.setattr(disks, "_mount_table", lambda: f"x {tmp_path} {kind} rw 0 0")
    with pytest.raises(ja.StoreFailed, match=rf"{kind}, which has no locks.*local disk"):
        ja.SqliteStore(tmp_path / "jobs.db").open()
    assert list(tmp_path.iterdir()) == []


def test_a_store_on_a_network_disk_shares_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no ``-shm``, no other process reads, and every promise holds."""
    path = tmp_path / "jobs.db"
    monkeypatch.setattr(disks, "_mount_table", lambda: f"x {tmp_path} nfs4 rw 0 0")
    store = ja.SqliteStore(path)
    for epoch in (1, 2):
        assert store.open() == epoch
        store.apply([put(f"{epoch}")])
        assert not Path(f"{path}-shm").exists()
        with running(READER, path) as other:
            assert other.hear() == "database is locked"
        store.prune(0)
        store.vacuum()
        store.close()
    store.open()
    assert store.unfinished() == [job("1"), job("2")]
    store.close()


def test_this_disk_can_carry_a_store(tmp_path: Path) -> None:
    """The real table of this machine can be read."""
    assert locking_of(tmp_path, "jobs.db") in {"normal", "exclusive"}
