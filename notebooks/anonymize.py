r"""Replaces people, aircraft and other identities in a CSV file by pseudonyms.

A plain library: it knows nothing of jobs. Its one seam is a pair of callbacks, `progress` and
`check`, and whatever these raise (a cancel, Ctrl-C) ends the work and leaves no file behind.

What a column holds is said as `{column: kind}`; columns of one kind share their pseudonyms:

==================  =============================  ==============================================
`"aircraft"`        one value a cell               a code, `aircraft-x5k2m-q7dwa`: needs no map
`["person"]`        a list: `Ann Lee, Bo Diaz`     numbers, `person-00017`, from a prepared map
`"text"`            prose that may name people     the names of the prepared map are replaced in it
==================  =============================  ==============================================

Numbers and prose need to know all names before the first row is written: so there are two
functions, and `needs_replacements` tells whether the first is wanted.
"""

import csv
import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from careful_csv import OnBroken, RowReader, open_rows
from pseudonyms import (
    Column,
    Columns,
    Replacements,
    Replacer,
    key_of,
    names_in,
    needs_replacements,
    numbered,
    replacers_for,
    understood,
)
from whole_files import AnonymizeError, authorize_source, authorize_target, written_whole

__all__ = [
    "AnonymizeError",
    "AnonymizeReport",
    "AnonymizeStopped",
    "UnknownColumn",
    "anonymize_csv",
    "needs_replacements",
    "prepare_replacements",
]

Check = Callable[[], object]


class Progress(Protocol):
    """What is told how far the work is; `ja.progress` is one. It may raise to end the work."""

    def __call__(
        self,
        done: float,
        total: float | None = None,
        message: str | None = None,
        unit: str = "",
        **counters: float,
    ) -> object: ...


class UnknownColumn(AnonymizeError):
    """A chosen column is not in the table, or not there once."""


class AnonymizeStopped(AnonymizeError):
    """`check()` returned true: the work ended between two rows, and nothing was written."""


@dataclass(frozen=True)
class AnonymizeReport:
    """What `anonymize_csv` did."""

    source: str
    target: str
    rows_processed: int
    """Rows in the target, its header not counted."""
    values_replaced: int
    """Cells that hold something else than before."""
    rows_skipped: int
    """Broken rows left out; 0 unless on_broken="skip"."""
    skipped_lines: tuple[int, ...]
    """The lines on which the first 20 of them start."""

    def __str__(self) -> str:
        skipped = f", {self.rows_skipped:,} broken rows left out" if self.rows_skipped else ""
        return (
            f"{self.rows_processed:,} rows, {self.values_replaced:,} values replaced{skipped} "
            f"→ {Path(self.target).name}"
        )


@dataclass
class _Tally:
    values_replaced: int = 0


def prepare_replacements(
    source: str | Path,
    columns: Columns,
    *,
    secret: str | None = None,
    progress: Progress | None = None,
    check: Check | None = None,
    allowed: Sequence[Path] | None = None,
    on_broken: OnBroken = "raise",
    encoding: str = "utf-8",
    delimiter: str = ",",
    every: int = 500,
) -> Replacements:
    """Read the whole source once and number every name in the columns that need it.

    Numbers follow a keyed hash of the names, so that they tell nothing of the order in the file.
    The distinct names are held in memory, the rows are not. When no column needs a map, the file is
    not even opened. What a callback raises passes through.

    Args:
        source: a CSV file inside an allowed folder, its first line naming the columns.
        columns: what each chosen column holds, as the head of this module tells.
        secret: the same secret and file give the same numbers; None is a fresh one.
        progress: called with bytes read, bytes in all, and the live counters
            `rows_read` and `names_found`; first at 0, then every `every` rows, last at the end.
        check: called as often; to end the work it raises, or returns something true.
        allowed: folders the source may be in; None is the current folder alone.
        on_broken: "raise" at a row that cannot be read, or "skip" it.
        encoding: how the file was saved.
        delimiter: what stands between two cells.
        every: rows between two calls.

    Raises:
        PathRefused, UnknownColumn, BrokenRow: each an `AnonymizeError` that says what to do.
        AnonymizeStopped: `check` returned something true.

    Example:
        prepare_replacements("movies.csv", {"Director": ["person"], "Title": "text"})
    """
    chosen = understood(columns)
    found: dict[str, set[str]] = {c.kind: set() for c in chosen if c.form == "list"}
    if not found:
        return Replacements()

    def pulse(reader: RowReader) -> None:
        names = sum(map(len, found.values()))
        _tell(reader, progress, check, rows_read=reader.rows, names_found=names)

    path = authorize_source(source, allowed)
    with open_rows(
        path,
        delimiter=delimiter,
        encoding=encoding,
        on_broken=on_broken,
        every=every,
        pulse=pulse,
    ) as rows:
        places = _places(chosen, rows.header, path)
        wanted = [(i, column) for i, column in places if column.kind in found]
        pulse(rows)
        for row in rows:
            for index, column in wanted:
                found[column.kind].update(names_in(row[index], column.form))
        pulse(rows)
    key = key_of(secret)
    return Replacements({kind: numbered(kind, names, key) for kind, names in found.items()})


def anonymize_csv(
    source: str | Path,
    target: str | Path,
    columns: Columns,
    *,
    replacements: Replacements | None = None,
    secret: str | None = None,
    keep: Collection[str] = (),
    progress: Progress | None = None,
    check: Check | None = None,
    allowed: Sequence[Path] | None = None,
    overwrite: bool = False,
    on_broken: OnBroken = "raise",
    encoding: str = "utf-8",
    delimiter: str = ",",
    every: int = 500,
) -> AnonymizeReport:
    """Copy a CSV file row by row, with pseudonyms in the chosen columns.

    The target appears whole or not at all. It is written under another name in the same folder and
    moved at the end; whatever a callback raises between two rows, cancel and Ctrl-C included,
    removes what was written, as does every error. Both paths, the columns and the first line are
    looked at before anything is written.

    Equal values get equal pseudonyms, also in different columns of one kind; blanks around a value
    and the way its accents are composed make no difference. Empty cells stay empty. All other cells
    keep their text, formulas too; quotes are written only where they are needed.
    One row is held in memory.

    Args:
        source: a CSV file inside an allowed folder, its first line naming the columns.
        target: where the copy goes, inside an allowed folder; not the source.
        columns: what each chosen column holds, as the head of this module tells.
        replacements: what `prepare_replacements` returned; must be given if `needs_replacements`.
        secret: the same secret gives the same codes in every file; without it nobody can
            compute them. None is a fresh one: codes of two runs do not match.
            Among a million values, two share a code once in 2,000 files.
        keep: cells to leave alone besides empty ones, such as "NA".
        progress: called with bytes read, bytes in all, and the live counters `rows_processed`,
            `values_replaced`, `rows_skipped`; first at 0, then every `every` rows, and when all is
            written but nothing published yet: a run that never raised is the run that is published.
        check: called as often; to end the work it raises, or returns something true.
        allowed: folders that may be used; None is the current folder alone.
        overwrite: whether a target that exists is replaced, at the end, in one step.
        on_broken: "raise" at a row that cannot be read, or "skip" and count it.
        encoding: how the file was saved; the copy is saved alike.
        delimiter: what stands between two cells.
        every: rows between two calls; 500 are some milliseconds.

    Raises:
        PathRefused, UnknownColumn, BrokenRow: each an `AnonymizeError` that says what to do.
        AnonymizeStopped: `check` returned something true.
        OSError: the disk is full.

    Example:
        anonymize_csv("flights.csv", "public.csv", {"tailnum": "aircraft"}, keep=["NA"])
    """
    chosen = understood(columns)
    path = authorize_source(source, allowed)
    goal = authorize_target(target, allowed, source=path, overwrite=overwrite)
    tally = _Tally()

    def pulse(reader: RowReader) -> None:
        counters = {"rows_processed": reader.rows, "rows_skipped": reader.skipped}
        _tell(reader, progress, check, values_replaced=tally.values_replaced, **counters)

    with open_rows(
        path,
        delimiter=delimiter,
        encoding=encoding,
        on_broken=on_broken,
        every=every,
        pulse=pulse,
    ) as rows:
        places = _places(chosen, rows.header, path)
        replacers = replacers_for(places, replacements, key_of(secret))
        with written_whole(goal, overwrite=overwrite, encoding=rows.encoding) as file:
            if rows.byte_order_mark:
                file.write("\ufeff")
            pulse(rows)
            writer = csv.writer(file, delimiter=delimiter, lineterminator=rows.newline)
            writer.writerow(rows.header)
            writer.writerows(_replaced(rows, replacers, frozenset({"", *keep}), tally))
            pulse(rows)
    return AnonymizeReport(
        source=str(path),
        target=str(goal),
        rows_processed=rows.rows,
        values_replaced=tally.values_replaced,
        rows_skipped=rows.skipped,
        skipped_lines=tuple(rows.skipped_lines),
    )


def _places(
    chosen: Iterable[Column], header: Sequence[str], path: Path
) -> list[tuple[int, Column]]:
    for column in chosen:
        if header.count(column.name) != 1:
            raise _unknown(column.name, header, path)
    return [(header.index(column.name), column) for column in chosen]


def _unknown(name: str, header: Sequence[str], path: Path) -> UnknownColumn:
    # repr shows quotes, line ends and marks that turn text around, and acts on none of them.
    if name in header:
        return UnknownColumn(f"{path} has {header.count(name)} columns {name!r}. Rename one")
    by_lower = {known.lower(): known for known in header}
    close = difflib.get_close_matches(name.lower(), by_lower, n=3)
    guess = f" Did you mean {' or '.join(repr(by_lower[c]) for c in close)}?" if close else ""
    names = ", ".join(map(repr, header[:50]))
    more = f" and {len(header) - 50} more" if len(header) > 50 else ""
    return UnknownColumn(f"{path} has no column {name!r}.{guess} Its columns: {names:.2000}{more}")


def _tell(
    reader: RowReader, progress: Progress | None, check: Check | None, **counters: float
) -> None:
    if check is not None and check():
        raise AnonymizeStopped(
            f"Stopped after {reader.rows:,} rows and nothing was written. Start again when ready"
        )
    if progress is not None:
        # A file may grow while it is read.
        total = max(reader.bytes_total, reader.bytes_read)
        progress(reader.bytes_read, total, None, "bytes", **counters)


def _replaced(
    rows: RowReader,
    replacers: Sequence[tuple[int, Replacer]],
    keep: Collection[str],
    tally: _Tally,
) -> Iterator[list[str]]:
    for row in rows:
        for index, replace in replacers:
            cell = row[index]
            if cell in keep:
                continue
            try:
                row[index] = replace(cell)
            except KeyError:
                raise AnonymizeError(
                    f"{rows.path}, line {rows.line}: column {rows.header[index]!r} holds a name "
                    "that the map has not. Prepare the map again from this file and these columns"
                ) from None
            tally.values_replaced += row[index] != cell
        yield row
