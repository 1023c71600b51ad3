"""Reads CSV files row by row, and says exactly what is wrong with them and where.

The parser is Python's own, in its strict mode. Around it: one row in memory whatever the file, the
line of a broken row, and the difference between a row that can be left out and a quote behind
which nothing can be trusted.
"""

import codecs
import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

from whole_files import AnonymizeError

MAX_CELL = 16 * 1024 * 1024
"""The largest cell, in characters. What is larger is a quote that was never closed."""

LINES_KEPT = 20
"""How many line numbers of skipped rows are remembered; all of them are counted."""

OnBroken = Literal["raise", "skip"]


class BrokenRow(AnonymizeError):
    """A row cannot be read. `line` is the line it starts on, counted from 1."""

    def __init__(self, path: Path, line: int, wrong: str, cure: str) -> None:
        super().__init__(f"{path}, line {line}: {wrong}. {cure}")
        self.line = line


class _Damaged(Exception):
    """Inside this module: what is wrong, the cure, and whether the next line can be trusted."""

    def __init__(self, wrong: str, cure: str, *, runaway: bool = False) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.cure = cure
        self.runaway = runaway


_REPAIR = "Repair the line, or pass on_broken='skip' to leave such rows out"


@contextmanager
def open_rows(
    path: Path,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    on_broken: OnBroken = "raise",
    every: int = 500,
    pulse: Callable[["RowReader"], None] | None = None,
) -> Iterator["RowReader"]:
    """Open a CSV file whose first line names its columns, and iterate over the rows below it.

    Args:
        path: a path that `authorize_source` returned.
        delimiter: what stands between two cells.
        encoding: any in which line ends, commas and quotes are single ASCII bytes.
        on_broken: "raise" at a row that cannot be read, or "skip" and count it.
        every: after how many rows, broken ones included, `pulse` is called.
        pulse: called with the reader; what it raises ends the reading.

    Raises:
        AnonymizeError: the file is empty, or the encoding cannot be used.
        BrokenRow: while iterating.

    Example:
        with open_rows(Path("flights.csv")) as rows:
            print(rows.header, sum(1 for row in rows))
    """
    # The limit is the whole process's and cannot be given to one reader: it is only raised.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    if on_broken not in {"raise", "skip"}:
        raise AnonymizeError(f"on_broken is {on_broken!r}. Pass 'raise' or 'skip'")
    if every < 1:
        raise AnonymizeError(f"every is {every}. Pass a number of rows, 500 if undecided")
    _usable_encoding(encoding)
    with path.open("rb") as file:
        yield RowReader(
            path,
            file,
            delimiter=delimiter,
            encoding=encoding,
            on_broken=on_broken,
            every=every,
            pulse=pulse,
        )


def _usable_encoding(encoding: str) -> None:
    try:
        usable = '\r\n",'.encode(encoding) == b'\r\n",'
    except LookupError:
        raise AnonymizeError(
            f"{encoding!r} is no known encoding. Try 'utf-8' or 'cp1252'"
        ) from None
    if not usable:
        raise AnonymizeError(f"{encoding!r} cannot be read by lines. Convert the file to UTF-8")


class RowReader:
    """The rows of one file, each as long as the header. Made by `open_rows`.

    Blank lines hold no row and are passed over.
    """

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        *,
        delimiter: str,
        encoding: str,
        on_broken: OnBroken,
        every: int,
        pulse: Callable[["RowReader"], None] | None,
    ) -> None:
        self.path = path
        self.encoding = encoding
        self._file = file
        self._delimiter = delimiter
        self._on_broken = on_broken
        self._every = every
        self._pulse = pulse
        self._lines_read = 0
        self.rows = 0
        """Whole rows handed out so far."""
        self.skipped = 0
        """Broken rows left out so far."""
        self.skipped_lines: list[int] = []
        """The lines on which the first of them start."""
        self.line = 1
        """The line on which the present row starts."""
        self.bytes_total = os.fstat(file.fileno()).st_size
        self.byte_order_mark = self._take_byte_order_mark()
        """Whether the file begins with the mark that spreadsheets put before UTF-8."""
        self.newline = self._find_newline()
        """How the first line ends, for a copy that looks alike."""
        self.header = self._take_header()

    @property
    def bytes_read(self) -> int:
        """How far the file has been read."""
        return self._file.tell()

    def __iter__(self) -> Iterator[list[str]]:
        width, every, attempts = len(self.header), self._every, 0
        parsed = self._parsed()
        while True:
            self.line = self._lines_read + 1
            damage = None
            try:
                row = next(parsed)
            except StopIteration:
                return
            except (csv.Error, UnicodeDecodeError, _Damaged) as error:
                # The damage may have ended the reader or left it inside a quote: take a new one.
                damage, parsed, row = _told(error, self.encoding), self._parsed(), []
            attempts += 1
            if attempts % every == 0 and self._pulse is not None:
                self._pulse(self)
            if damage is None and len(row) == width:
                self.rows += 1
                yield row
            elif damage is not None or row:
                self._broken(damage or _wrong_width(len(row), width))

    def _broken(self, damage: _Damaged) -> None:
        if self._on_broken == "raise" or damage.runaway:
            raise BrokenRow(self.path, self.line, damage.wrong, damage.cure) from None
        self.skipped += 1
        if len(self.skipped_lines) < LINES_KEPT:
            self.skipped_lines.append(self.line)

    def _parsed(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self._delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        # Lines are decoded one by one, so that a byte that is no text is known by its line.
        for raw in iter(partial(self._file.readline, MAX_CELL), b""):
            self._lines_read += 1
            if len(raw) == MAX_CELL:
                raise _endless(f"the line is longer than {MAX_CELL:,} bytes")
            if b"\0" in raw:
                raise _Damaged(
                    "there is a NUL byte in it",
                    f"The file is damaged, or UTF-16: convert it to UTF-8. {_REPAIR}",
                )
            yield raw.decode(self.encoding)

    def _take_byte_order_mark(self) -> bool:
        if codecs.lookup(self.encoding).name not in {"utf-8", "utf-8-sig"}:
            return False
        self.encoding = "utf-8"
        if self._file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            return True
        self._file.seek(0)
        return False

    def _find_newline(self) -> str:
        start = self._file.tell()
        first = self._file.readline(MAX_CELL)
        self._file.seek(start)
        return "\r\n" if first.endswith(b"\r\n") else "\n"

    def _take_header(self) -> list[str]:
        try:
            header = next(self._parsed(), None)
        except (csv.Error, UnicodeDecodeError, _Damaged) as error:
            damage = _told(error, self.encoding)
            raise BrokenRow(self.path, 1, damage.wrong, damage.cure) from None
        if not header:
            raise AnonymizeError(f"{self.path} begins with no column names. Add them as line 1")
        return header


def _wrong_width(found: int, expected: int) -> _Damaged:
    return _Damaged(f"{found} fields instead of {expected}", _REPAIR)


def _endless(wrong: str) -> _Damaged:
    return _Damaged(
        wrong,
        "Repair it. on_broken='skip' cannot help: what comes behind may belong to it",
        runaway=True,
    )


def _told(error: Exception, encoding: str) -> _Damaged:
    """Put the parser's own words into ours. A cell's content never enters a message."""
    if isinstance(error, _Damaged):
        return error
    if isinstance(error, UnicodeDecodeError):
        byte = error.object[error.start]
        return _Damaged(
            f"byte 0x{byte:02x} at position {error.start + 1} is not {encoding}",
            f"Pass encoding='cp1252', or whatever the file was saved in. {_REPAIR}",
        )
    said = str(error)
    if "field limit" in said or "unexpected end of data" in said:
        return _endless("a quote opened in this row is never closed")
    if "expected after" in said:
        return _Damaged("text follows a closing quote", f"Double quotes inside a cell. {_REPAIR}")
    if "new-line character" in said:
        return _Damaged("a carriage return stands alone outside quotes", _REPAIR)
    return _Damaged(said, _REPAIR)
