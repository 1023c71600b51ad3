"""The paths and permissions of a store's files, and the notebook they belong to."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pytest

import jobactors as ja
from jobactors.stores.adoption import adopt
from jobactors.stores.location import (
    Belonging,
    belonging_of,
    choose_orphan,
    note_belonging,
    note_path,
    notebook_store_path,
    orphan_for,
    prepare,
    work_folder,
)
from tests.stores.samples import job, put
from tests.stores.scripts import running

if TYPE_CHECKING:
    from collections.abc import Iterator

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")


def mode(path: Path) -> int:
    """Return who may do what."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever the user's is."""
    before = os.umask(request.param)
    yield
    os.umask(before)


# --- permissions ------------------------------------------------------------------------------


@POSIX
def test_everything_is_for_its_user_alone(tmp_path: Path, umask: None) -> None:
    """The file, what lies beside it, and each folder that is made; not those that are there."""
    tmp_path.chmod(0o755)
    path = tmp_path / "one" / "two" / "jobs.db"
    store = ja.SqliteStore(path)
    store.open()
    store.apply([put("a")])
    assert mode(tmp_path) == 0o755
    assert mode(tmp_path / "one") == mode(tmp_path / "one" / "two") == 0o700
    files = {file.name: mode(file) for file in path.parent.iterdir()}
    names = ("jobs.db", "jobs.db-wal", "jobs.db-shm", "jobs.db.lock")
    assert files == dict.fromkeys(names, 0o600)
    store.vacuum()
    assert mode(path) == 0o600
    store.close()


@POSIX
def test_a_file_that_others_may_read_is_taken_away_from_them(tmp_path: Path) -> None:
    """It came out of an archive, or from a friend."""
    path = tmp_path / "jobs.db"
    for _ in range(2):
        store = ja.SqliteStore(path)
        store.open()
        assert mode(path) == mode(Path(f"{path}-wal")) == 0o600
        store.close()
        path.chmod(0o644)


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is called as it was given... with the home in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    store = ja.SqliteStore("~/jobs.db")
    store.open()
    assert (tmp_path / "jobs.db").exists()
    assert store.name == str(tmp_path / "jobs.db")
    store.close()


def test_work_files_lie_beside_the_store(tmp_path: Path) -> None:
    """The folder is not made before it is needed; a store in memory has none."""
    store = ja.SqliteStore(tmp_path / "jobs.db")
    assert store.work_folder == work_folder(tmp_path / "jobs.db") == tmp_path / "jobs.db.work"
    assert not store.work_folder.exists()
    assert ja.MemoryStore().work_folder is None


# --- one file a notebook ----------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the notebooks' stores."""
    return tmp_path / "stores"


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A notebook."""
    path = tmp_path / "Sales 2026 (東京).ipynb"
    path.write_text("{}")
    return path


def test_a_notebook_has_a_file_of_its_own(notebook: Path, folder: Path) -> None:
    """Readable, safe to type, and another one for each path."""
    store = notebook_store_path(notebook, folder)
    assert store.parent == folder
    assert store.name.startswith("Sales-2026-")
    assert store.name.isascii()
    assert store.suffix == ".db"
    assert notebook_store_path(notebook.with_name("Other.ipynb"), folder) != store
    below = notebook.parent / "sub" / notebook.name
    assert notebook_store_path(below, folder).name != store.name


def test_a_notebook_is_the_same_however_it_is_reached(
    notebook: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative, or through a link."""
    monkeypatch.chdir(notebook.parent)
    link = notebook.with_name("link.ipynb")
    link.symlink_to(notebook)
    paths = (notebook, Path(notebook.name), link)
    assert len({notebook_store_path(path, folder) for path in paths}) == 1


ODD_NAMES = ["..ipynb", "---.ipynb", "x" * 200, "a/../../b.ipynb", "caf\udce9.ipynb", "\n.ipynb"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_makes_a_good_one(folder: Path, tmp_path: Path, name: str) -> None:
    """In that folder, and not too long."""
    store = notebook_store_path(tmp_path / name, folder)
    assert store.parent == folder
    assert store.name.isascii()
    assert store.name.isprintable()
    assert 16 < len(store.name) < 60


def test_it_lies_below_the_users_data(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the platform's place."""
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name, **_: f"/data/{name}")
    assert notebook_store_path(notebook).parent == Path("/data/jobactors/notebooks")


# --- copies and renames -----------------------------------------------------------------------


@pytest.fixture
def used(notebook: Path, folder: Path) -> Path:
    """The store of the notebook, with a job and a work file in it."""
    path = notebook_store_path(notebook, folder)
    store = ja.SqliteStore(path)
    store.open()
    note_belonging(store.path, notebook)
    store.apply([put("a")])
    store.close()
    work_folder(path).mkdir()
    (work_folder(path) / "partial").write_text("45 %")
    return path


def test_it_is_noted_to_which_notebook_a_store_belongs(used: Path, notebook: Path) -> None:
    """With what that is on the disk, for its user alone."""
    status = notebook.stat()
    assert belonging_of(used) == Belonging(str(notebook), status.st_dev, status.st_ino)
    assert os.name == "nt" or mode(note_path(used)) == 0o600


def test_a_notebook_with_its_store_is_offered_none(used: Path, notebook: Path) -> None:
    """Nor is one that was never there."""
    assert orphan_for(notebook, used.parent) is None
    assert orphan_for(notebook.with_name("none.ipynb"), used.parent) is None
    assert orphan_for(notebook, used.parent / "nowhere") is None


def test_a_copy_starts_empty(used: Path, notebook: Path) -> None:
    """Whether the first is still there or not: a copy is another file."""
    copy = notebook.with_name("Copy.ipynb")
    shutil.copy(notebook, copy)
    assert not notebook_store_path(copy, used.parent).exists()
    assert orphan_for(copy, used.parent) is None
    notebook.unlink()
    assert orphan_for(copy, used.parent) is None


def test_a_renamed_notebook_is_offered_what_it_had(used: Path, notebook: Path) -> None:
    """And takes it over, with its work files; then there is nothing more to offer."""
    renamed = notebook.rename(notebook.with_name("Forecast.ipynb"))
    assert orphan_for(renamed, used.parent) == used
    path = adopt(used, renamed)
    assert path == notebook_store_path(renamed, used.parent)
    assert orphan_for(renamed, used.parent) is None
    store = ja.SqliteStore(path)
    store.open()
    assert store.unfinished() == [job("a")]
    assert (store.work_folder / "partial").read_text() == "45 %"
    store.close()
    left = {file.name for file in used.parent.iterdir()}
    assert left == {
        used.name + ".lock",
        *(path.name + end for end in ("", ".lock", ".notebook", ".work")),
    }


def test_what_is_in_the_log_is_adopted_too(used: Path, notebook: Path) -> None:
    """The kernel was killed, then the notebook was renamed."""
    source = """
    store = ja.SqliteStore(path)
    store.open()
    store.apply([put("b")])
    say("written")
    wait()
    """
    with running(source, used) as script:
        assert script.hear() == "written"
        renamed = notebook.rename(notebook.with_name("Forecast.ipynb"))
        with pytest.raises(ja.StoreBusy):
            adopt(used, renamed)
        script.kill()
    store = ja.SqliteStore(adopt(used, renamed))
    store.open()
    assert store.unfinished() == [job("a"), job("b")]
    store.close()


def test_what_a_notebook_has_is_not_replaced(used: Path, notebook: Path) -> None:
    """It was opened meanwhile."""
    renamed = notebook.rename(notebook.with_name("Forecast.ipynb"))
    own = notebook_store_path(renamed, used.parent)
    own.write_bytes(b"mine")
    with pytest.raises(ja.StoreFailed, match="exists already"):
        adopt(used, renamed)
    assert own.read_bytes() == b"mine"
    assert used.exists()


def test_a_damaged_store_is_not_moved(used: Path, notebook: Path) -> None:
    """It is left as it is, where it is."""
    used.write_bytes(b"nonsense" * 100)
    renamed = notebook.rename(notebook.with_name("Forecast.ipynb"))
    with pytest.raises(ja.StoreDamaged):
        adopt(used, renamed)
    assert used.read_bytes() == b"nonsense" * 100


GONE = "/home/ann/old.ipynb"


def test_an_orphan_is_chosen_by_what_the_notebook_was() -> None:
    """Its notebook is gone, it was this very file, and it is the only one of which that is true."""
    fits, moved = Belonging(GONE, 1, 7), Belonging(GONE, 1, 8)
    there = Belonging("/home/ann/new.ipynb", 1, 7)
    one, two, three = Path("one.db"), Path("two.db"), Path("three.db")
    assert choose_orphan((1, 7), [(one, fits), (two, moved), (three, there)], [GONE]) == one
    assert choose_orphan((1, 7), [(two, moved), (three, there)], [GONE]) is None
    assert choose_orphan((2, 7), [(one, fits)], [GONE]) is None
    assert choose_orphan((1, 7), [(one, fits), (two, fits)], [GONE]) is None
    assert choose_orphan((1, 7), [], [GONE]) is None


BAD_NOTES = [
    "",
    "[" * 100_000,
    "[]",
    "7",
    "null",
    '{"notebook": 7, "device": 1, "inode": 1}',
    '{"notebook": "x", "device": true, "inode": 1}',
    '{"notebook": "x", "device": 1}',
    "\udcff",
    '{"notebook": "x"' + " " * 200_000,
]


@pytest.mark.parametrize("text", BAD_NOTES, ids=range(len(BAD_NOTES)))
def test_a_note_that_makes_no_sense_is_none(used: Path, notebook: Path, text: str) -> None:
    """Of any origin; the others are still found."""
    note_path(used).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert belonging_of(used) is None
    renamed = notebook.rename(notebook.with_name("Forecast.ipynb"))
    assert orphan_for(renamed, used.parent) is None


def test_a_note_with_an_impossible_path_hurts_nobody(used: Path, notebook: Path) -> None:
    """No file has a NUL in its name."""
    status = notebook.stat()
    told = f'{{"notebook": "a\\u0000b", "device": {status.st_dev}, "inode": {status.st_ino}}}'
    note_path(used).write_text(told)
    renamed = notebook.rename(notebook.with_name("Forecast.ipynb"))
    assert orphan_for(renamed, used.parent) == used


def test_a_path_is_prepared_without_links(tmp_path: Path) -> None:
    """A file has one lock, whatever it is called."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    assert prepare(tmp_path / "link" / "new" / "x.db") == tmp_path / "real" / "new" / "x.db"
    assert (tmp_path / "real" / "new").is_dir()


def test_each_named_system_of_a_notebook_has_a_file_of_its_own(tmp_path: Path) -> None:
    """A rename is offered the jobs of the same system, and never those of another one."""
    notebook, folder = tmp_path / "Sales.ipynb", tmp_path / "stores"
    notebook.write_text("{}")
    folder.mkdir()
    paths = {name: notebook_store_path(notebook, folder, system=name) for name in ("", "a", "b")}
    assert len(set(paths.values())) == 3
    assert paths[""] == notebook_store_path(notebook, folder)
    for name, path in paths.items():
        if name != "b":
            path.touch()
            note_belonging(path, notebook, name)
    renamed = notebook.rename(tmp_path / "Profits.ipynb")
    assert orphan_for(renamed, folder) == paths[""]
    assert orphan_for(renamed, folder, system="a") == paths["a"]
    assert orphan_for(renamed, folder, system="b") is None
