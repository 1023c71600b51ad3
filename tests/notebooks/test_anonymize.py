# ruff: noqa: D101, D102, D103 (the name of a test is its sentence)
"""The anonymizer: replaced values, untouched ones, refusals, and no remains."""

import csv
import re
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from anonymize import (
    AnonymizeError,
    AnonymizeReport,
    AnonymizeStopped,
    UnknownColumn,
    anonymize_csv,
    needs_replacements,
    prepare_replacements,
)
from careful_csv import MAX_CELL, BrokenRow
from msgspec import Struct
from sample_tables import export_movies, flights_csv, movies_db
from whole_files import PathRefused

AIRCRAFT = {"tailnum": "aircraft"}
PEOPLE = {"Director": ["person"], "Writer": ["person"], "Cast": ["person"]}
SECRET = "tea"  # noqa: S105 (a word of the tests)
CODE = re.compile(r"aircraft-[a-z2-7]{5}-[a-z2-7]{5}")
NUMBER = re.compile(r"person-\d{5}")


def peak_memory(rows: int, values: int) -> int:
    """Return the most memory, in bytes, that anonymizing so many rows took."""
    write(Path("in.csv"), ["tailnum", "n"], *([f"N{i % values}", "x" * 100] for i in range(rows)))
    tracemalloc.start()
    try:
        anonymize_csv("in.csv", "out.csv", AIRCRAFT, overwrite=True)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Cancelled(BaseException):
    """A cancel as a library meets it: no Exception, of an unknown class."""


def write(path: Path, *rows: Sequence[str], newline: str = "\n") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator=newline).writerows(rows)
    return path


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def column(path: Path, name: str) -> list[str]:
    header, *rows = read(path)
    return [row[header.index(name)] for row in rows]


def aircraft(path: Path, rows: int) -> Path:
    return write(path, ["tailnum", "n"], *([f"N{i % 97}", str(i)] for i in range(rows)))


def cancel() -> None:
    raise Cancelled


class Seen(Struct):
    """A progress callback that records its calls, and may do something each time."""

    then: Callable[["Seen"], None] = lambda _: None
    done: list[float] = []
    totals: set[float | None] = set()
    units: set[str] = set()
    messages: set[str | None] = set()
    counters: list[dict[str, float]] = []

    def __call__(
        self,
        done: float,
        total: float | None = None,
        message: str | None = None,
        unit: str = "",
        **counters: float,
    ) -> None:
        self.done.append(done)
        self.totals.add(total)
        self.units.add(unit)
        self.messages.add(message)
        self.counters.append(counters)
        self.then(self)


def raise_at(call: int, error: BaseException) -> Seen:
    """Return a progress callback that raises when it is called for the `call`-th time."""

    def then(seen: Seen) -> None:
        if len(seen.done) == call:
            raise error

    return Seen(then)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, the default place of output."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestReplacing:
    def test_equal_values_get_equal_codes_and_different_values_different_ones(
        self, folder: Path
    ) -> None:
        source = aircraft(folder / "in.csv", 1000)
        anonymize_csv(source, "out.csv", AIRCRAFT)
        pairs = set(
            zip(column(source, "tailnum"), column(folder / "out.csv", "tailnum"), strict=True)
        )
        assert len(pairs) == 97
        assert len({code for _, code in pairs}) == 97
        assert all(CODE.fullmatch(code) for _, code in pairs)

    def test_columns_of_one_kind_share_their_pseudonyms_whatever_their_form(
        self, folder: Path
    ) -> None:
        write(folder / "in.csv", ["Director", "Cast"], ["Ann Lee", "Bo Diaz, Ann Lee"])
        columns = {"Director": "person", "Cast": ["person"]}
        names = prepare_replacements("in.csv", columns)
        anonymize_csv("in.csv", "out.csv", columns, replacements=names)
        director, cast = read(folder / "out.csv")[1]
        assert cast.split(", ")[1] == director
        assert cast.split(", ")[0] != director

    def test_the_same_secret_gives_the_same_file_and_another_secret_another(
        self, folder: Path
    ) -> None:
        aircraft(folder / "in.csv", 10)
        for target, secret in [("a.csv", SECRET), ("b.csv", SECRET), ("c.csv", "milk")]:
            anonymize_csv("in.csv", target, AIRCRAFT, secret=secret)
        assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
        assert not set(column(Path("a.csv"), "tailnum")) & set(column(Path("c.csv"), "tailnum"))

    def test_without_a_secret_the_codes_of_two_runs_do_not_match(self, folder: Path) -> None:
        aircraft(folder / "in.csv", 10)
        anonymize_csv("in.csv", "a.csv", AIRCRAFT)
        anonymize_csv("in.csv", "b.csv", AIRCRAFT)
        assert not set(column(Path("a.csv"), "tailnum")) & set(column(Path("b.csv"), "tailnum"))

    def test_numbers_are_dense_and_do_not_follow_the_order_of_the_file(self, folder: Path) -> None:
        write(folder / "in.csv", ["Cast"], *([f"Name {i:03}"] for i in range(200)))
        names = prepare_replacements("in.csv", {"Cast": ["person"]}, secret=SECRET)
        numbers = [names.numbered["person"][f"Name {i:03}"] for i in range(200)]
        assert sorted(numbers) == [f"person-{i:05}" for i in range(1, 201)]
        assert numbers != sorted(numbers)

    def test_lists_are_replaced_name_by_name_and_a_suffix_stays_with_its_name(
        self, folder: Path
    ) -> None:
        cast = "Robert Downey, Jr., Ann Lee ,, Ann Lee, Jr."
        write(folder / "in.csv", ["Cast"], [cast])
        names = prepare_replacements("in.csv", {"Cast": ["person"]})
        assert set(names.numbered["person"]) == {"Robert Downey, Jr.", "Ann Lee", "Ann Lee, Jr."}
        anonymize_csv("in.csv", "out.csv", {"Cast": ["person"]}, replacements=names)
        assert len(column(Path("out.csv"), "Cast")[0].split(", ")) == 3

    def test_prose_loses_the_names_of_the_list_columns_the_longest_first(
        self, folder: Path
    ) -> None:
        prose = 'Eve: Ann Lee Smith, Ann Lee\'s friend, Ann Leeds and "Bo" Diaz'
        write(
            folder / "in.csv", ["Cast", "About"], ['Ann Lee, Ann Lee Smith, Eve, "Bo" Diaz', prose]
        )
        columns = {"Cast": ["person"], "About": "text"}
        names = prepare_replacements("in.csv", columns)
        anonymize_csv("in.csv", "out.csv", columns, replacements=names)
        said = names.numbered["person"]
        bo = said['"Bo" Diaz']
        masked = f"Eve: {said['Ann Lee Smith']}, {said['Ann Lee']}'s friend, Ann Leeds and {bo}"
        assert column(Path("out.csv"), "About") == [masked]

    def test_blanks_around_a_value_and_composed_accents_make_no_difference(
        self, folder: Path
    ) -> None:
        write(folder / "in.csv", ["tailnum"], ["José"], [" José "], ["Jose\u0301"])
        anonymize_csv("in.csv", "out.csv", AIRCRAFT)
        assert len(set(column(Path("out.csv"), "tailnum"))) == 1

    def test_empty_cells_and_kept_ones_stay_as_they_are(self, folder: Path) -> None:
        write(folder / "in.csv", ["tailnum", "n"], ["", "1"], ["NA", "2"], ["N1", "3"])
        report = anonymize_csv("in.csv", "out.csv", AIRCRAFT, keep=["NA"])
        assert column(Path("out.csv"), "tailnum")[:2] == ["", "NA"]
        assert report.values_replaced == 1

    def test_line_ends_byte_order_mark_delimiter_and_encoding_are_kept(self) -> None:
        Path("in.csv").write_bytes(b"\xef\xbb\xbftailnum;who\r\nN1;Jos\xc3\xa9\r\n")
        anonymize_csv("in.csv", "out.csv", AIRCRAFT, delimiter=";")
        copied = Path("out.csv").read_bytes()
        assert copied.startswith(b"\xef\xbb\xbftailnum;who\r\naircraft-")
        assert copied.endswith(b";Jos\xc3\xa9\r\n")
        Path("latin.csv").write_bytes(b"tailnum,who\nN1,Jos\xe9\n")
        anonymize_csv("latin.csv", "latin-out.csv", AIRCRAFT, encoding="latin-1")
        assert Path("latin-out.csv").read_bytes().endswith(b",Jos\xe9\n")

    def test_the_report_counts_and_reads_well(self, folder: Path) -> None:
        aircraft(folder / "in.csv", 1234)
        report = anonymize_csv("in.csv", "out.csv", AIRCRAFT)
        assert report == AnonymizeReport(
            source=str(folder.resolve() / "in.csv"),
            target=str(folder.resolve() / "out.csv"),
            rows_processed=1234,
            values_replaced=1234,
            rows_skipped=0,
            skipped_lines=(),
        )
        assert str(report) == "1,234 rows, 1,234 values replaced → out.csv"


class TestPreparing:
    def test_a_map_is_wanted_only_for_lists_and_prose(self) -> None:
        assert not needs_replacements(AIRCRAFT)
        assert needs_replacements({**AIRCRAFT, "Cast": ["person"]})
        assert needs_replacements({"Cast": ["person"], "Title": "text"})

    def test_when_no_map_is_wanted_the_file_is_not_even_opened(self) -> None:
        names = prepare_replacements("no such file.csv", AIRCRAFT)
        assert repr(names) == "<Replacements none needed>"

    def test_without_a_wanted_map_nothing_is_started_and_the_error_says_how_to_make_it(
        self, folder: Path
    ) -> None:
        write(folder / "in.csv", ["Cast"], ["Ann Lee"])
        with pytest.raises(AnonymizeError, match=r"replacements=prepare_replacements\(source"):
            anonymize_csv("in.csv", "out.csv", {"Cast": ["person"]})
        assert [path.name for path in folder.iterdir()] == ["in.csv"]

    def test_a_name_the_map_has_not_is_an_error_that_names_the_line_and_not_the_name(
        self, folder: Path
    ) -> None:
        write(folder / "in.csv", ["Cast"], ["Ann Lee"])
        names = prepare_replacements("in.csv", {"Cast": ["person"]})
        write(folder / "in.csv", ["Cast"], ["Ann Lee"], ["Secret Entry"])
        with pytest.raises(
            AnonymizeError, match=r"line 3.*'Cast'.*Prepare the map again"
        ) as caught:
            anonymize_csv("in.csv", "out.csv", {"Cast": ["person"]}, replacements=names)
        assert "Entry" not in str(caught.value)
        assert [path.name for path in folder.iterdir()] == ["in.csv"]

    def test_the_repr_of_a_map_counts_and_never_shows_a_name(self, folder: Path) -> None:
        write(folder / "in.csv", ["Cast"], ["Ann Lee, Bo Diaz"])
        names = prepare_replacements("in.csv", {"Cast": ["person"]})
        assert repr(names) == "<Replacements person: 2>"

    def test_preparing_reports_rows_and_names_and_ends_when_told_to(self, folder: Path) -> None:
        write(folder / "in.csv", ["Cast"], *([f"Name {i}"] for i in range(1000)))
        seen = Seen()
        prepare_replacements("in.csv", {"Cast": ["person"]}, progress=seen)
        assert [told["rows_read"] for told in seen.counters] == [0, 499, 999, 1000]
        assert seen.counters[-1]["names_found"] == 1000
        assert seen.totals == {seen.done[-1]} == {Path("in.csv").stat().st_size}
        with pytest.raises(Cancelled):
            prepare_replacements("in.csv", {"Cast": ["person"]}, progress=raise_at(2, Cancelled()))


class TestStreaming:
    def test_memory_does_not_grow_with_the_table(self) -> None:
        peak_memory(100, 97)  # what is loaded once
        assert peak_memory(20_000, 97) < 1.1 * peak_memory(2_000, 97)

    def test_memory_does_not_grow_with_the_number_of_different_values(self) -> None:
        # A table that remembers the latest values is resized now and then, but never held whole.
        assert peak_memory(40_000, 40_000) < 1.5 * peak_memory(10_000, 10_000)

    def test_rows_are_written_while_later_ones_are_still_unread(self, folder: Path) -> None:
        aircraft(folder / "in.csv", 100_000)
        sizes: list[int] = []

        def look(seen: Seen) -> None:
            sizes.append(sum(path.stat().st_size for path in folder.glob(".*.part")))

        anonymize_csv("in.csv", "out.csv", AIRCRAFT, progress=Seen(look))
        assert 0 < sizes[len(sizes) // 2] < sizes[-1]

    def test_progress_is_bytes_with_live_counters_from_nothing_to_all(self, folder: Path) -> None:
        aircraft(folder / "in.csv", 1000)
        seen = Seen()
        anonymize_csv("in.csv", "out.csv", AIRCRAFT, progress=seen, every=250)
        rows = [0, 249, 499, 749, 999, 1000]
        assert [told["rows_processed"] for told in seen.counters] == rows
        assert [told["values_replaced"] for told in seen.counters] == rows
        assert seen.done == sorted(seen.done)
        assert seen.totals == {seen.done[-1]} == {Path("in.csv").stat().st_size}
        assert seen.units == {"bytes"}


class TestWholeOrNothing:
    @pytest.fixture(params=[None, b"the old file"], ids=["new", "overwriting"])
    def before(self, request: pytest.FixtureRequest, folder: Path) -> Iterator[None]:
        """Whatever stood in the folder before a run that fails stands there, alone, after it."""
        aircraft(folder / "in.csv", 5000)
        if request.param is not None:
            (folder / "out.csv").write_bytes(request.param)
        was = {path.name: path.read_bytes() for path in folder.iterdir()}
        yield
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == was

    @pytest.mark.parametrize("call", [1, 2, 7, 12], ids=["start", "early", "midway", "end"])
    @pytest.mark.parametrize(
        "error", [KeyboardInterrupt(), Cancelled(), GeneratorExit(), RuntimeError()], ids=repr
    )
    @pytest.mark.usefixtures("before")
    def test_what_the_callback_raises_passes_through_and_leaves_nothing(
        self, call: int, error: BaseException
    ) -> None:
        with pytest.raises(type(error)) as caught:
            anonymize_csv(
                "in.csv", "out.csv", AIRCRAFT, progress=raise_at(call, error), overwrite=True
            )
        assert caught.value is error

    @pytest.mark.usefixtures("before")
    def test_a_check_that_raises_or_answers_true_ends_the_work_and_leaves_nothing(self) -> None:
        with pytest.raises(Cancelled):
            anonymize_csv("in.csv", "out.csv", AIRCRAFT, check=cancel, overwrite=True)
        told = threading.Event()
        with pytest.raises(AnonymizeStopped, match=r"999 rows and nothing was written"):
            anonymize_csv(
                "in.csv",
                "out.csv",
                AIRCRAFT,
                check=told.is_set,
                progress=Seen(lambda seen: told.set() if len(seen.done) == 2 else None),
                overwrite=True,
            )

    @pytest.mark.usefixtures("before")
    def test_a_broken_row_at_the_end_leaves_nothing(self) -> None:
        whole = Path("in.csv").read_bytes()
        Path("in.csv").write_bytes(whole + b"N1\n")
        with pytest.raises(BrokenRow):
            anonymize_csv("in.csv", "out.csv", AIRCRAFT, overwrite=True)
        Path("in.csv").write_bytes(whole)

    def test_files_of_somebody_else_are_left_alone(self, folder: Path) -> None:
        aircraft(folder / "in.csv", 10)
        other = folder / ".out.csv.0123456789abcdef.part"
        other.write_text("another run's")
        anonymize_csv("in.csv", "out.csv", AIRCRAFT)
        assert sorted(path.name for path in folder.iterdir()) == [other.name, "in.csv", "out.csv"]

    def test_a_target_made_by_somebody_else_meanwhile_is_not_replaced(self, folder: Path) -> None:
        aircraft(folder / "in.csv", 10)

        def make(seen: Seen) -> None:
            Path("out.csv").write_text("theirs")

        with pytest.raises(PathRefused, match="overwrite=True"):
            anonymize_csv("in.csv", "out.csv", AIRCRAFT, progress=Seen(make))
        assert Path("out.csv").read_text() == "theirs"
        assert len(list(folder.iterdir())) == 2

    def test_two_runs_into_one_target_at_once_leave_one_whole_file(self, folder: Path) -> None:
        aircraft(folder / "in.csv", 3000)
        both = threading.Barrier(2, timeout=30)
        ended: list[BaseException | AnonymizeReport] = []

        def run() -> None:
            def meet(seen: Seen) -> None:
                # Both found the name free and have written everything before one takes it.
                if {seen.done[-1]} == seen.totals and len(seen.done) > 7:
                    both.wait()

            try:
                ended.append(anonymize_csv("in.csv", "out.csv", AIRCRAFT, progress=Seen(meet)))
            except AnonymizeError as error:
                ended.append(error)

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(type(end).__name__ for end in ended) == ["AnonymizeReport", "PathRefused"]
        assert len(read(folder / "out.csv")) == 3001
        assert len(list(folder.iterdir())) == 2


class TestPaths:
    def test_a_missing_input_names_the_tables_that_are_there(self, folder: Path) -> None:
        aircraft(folder / "flights.csv", 1)
        with pytest.raises(PathRefused, match=r"flight\.csv does not exist\..*flights\.csv"):
            anonymize_csv("flight.csv", "out.csv", AIRCRAFT)

    def test_a_folder_is_no_input(self, folder: Path) -> None:
        (folder / "tables").mkdir()
        with pytest.raises(PathRefused, match="not a regular file"):
            anonymize_csv("tables", "out.csv", AIRCRAFT)

    def test_a_path_outside_the_allowed_folders_is_refused_before_it_is_looked_at(
        self, folder: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        aircraft(folder / "in.csv", 1)
        aircraft(elsewhere / "private.csv", 1)
        for path in [elsewhere / "private.csv", elsewhere / "missing.csv"]:
            with pytest.raises(PathRefused, match="outside the allowed folders") as caught:
                anonymize_csv(path, "out.csv", AIRCRAFT)
            assert "allowed=" in str(caught.value)
        with pytest.raises(PathRefused, match="outside the allowed folders"):
            anonymize_csv("in.csv", elsewhere / "out.csv", AIRCRAFT)
        anonymize_csv(elsewhere / "private.csv", "out.csv", AIRCRAFT, allowed=[folder, elsewhere])

    def test_a_link_cannot_lead_out_of_the_allowed_folders(
        self, folder: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        aircraft(elsewhere / "private.csv", 1)
        (folder / "in.csv").symlink_to(elsewhere / "private.csv")
        (folder / "out").symlink_to(elsewhere)
        with pytest.raises(PathRefused, match="outside the allowed folders"):
            anonymize_csv("in.csv", "out.csv", AIRCRAFT)
        aircraft(folder / "own.csv", 1)
        with pytest.raises(PathRefused, match="outside the allowed folders"):
            anonymize_csv("own.csv", "out/out.csv", AIRCRAFT)

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("in.csv/out.csv", "is not a folder"),
            ("missing/out.csv", "no folder missing. Make it first"),
            ("tables", "is a folder"),
            ("x" * 300, "cannot be written"),
            ("nul\0.csv", "NUL"),
            ("in.csv", "is the source itself"),
            ("./tables/../in.csv", "is the source itself"),
            ("same.csv", "is the source itself"),
            ("link.csv", "is the source itself"),
            ("taken.csv", r"overwrite=True"),
        ],
    )
    def test_a_target_that_cannot_be_is_refused_before_a_row_is_read(
        self, folder: Path, target: str, message: str
    ) -> None:
        aircraft(folder / "in.csv", 10)
        (folder / "tables").mkdir()
        (folder / "same.csv").hardlink_to(folder / "in.csv")
        (folder / "link.csv").symlink_to("in.csv")
        (folder / "taken.csv").write_text("taken")
        was = sorted(folder.iterdir())
        with pytest.raises(PathRefused, match=message):
            anonymize_csv("in.csv", target, AIRCRAFT, progress=raise_at(1, Cancelled()))
        assert sorted(folder.iterdir()) == was
        assert (folder / "taken.csv").read_text() == "taken"

    def test_a_folder_that_goes_away_while_rows_are_read_is_an_error_that_leaves_nothing(
        self, folder: Path
    ) -> None:
        aircraft(folder / "in.csv", 10)
        out = folder / "out"
        out.mkdir()

        def move(seen: Seen) -> None:
            if out.exists():
                out.rename(folder / "moved")

        with pytest.raises(AnonymizeError):
            anonymize_csv("in.csv", "out/out.csv", AIRCRAFT, progress=Seen(move))
        assert not out.exists()


class TestColumns:
    def test_an_unknown_column_is_told_with_the_closest_and_all_there_are(
        self, folder: Path
    ) -> None:
        aircraft(folder / "in.csv", 1)
        with pytest.raises(UnknownColumn) as caught:
            anonymize_csv("in.csv", "out.csv", {"TailNumb": "aircraft"})
        assert "no column 'TailNumb'. Did you mean 'tailnum'?" in str(caught.value)
        assert "Its columns: 'tailnum', 'n'" in str(caught.value)
        assert [path.name for path in folder.iterdir()] == ["in.csv"]

    def test_a_column_that_is_there_twice_is_refused(self, folder: Path) -> None:
        write(folder / "in.csv", ["tailnum", "tailnum"], ["a", "b"])
        with pytest.raises(UnknownColumn, match="has 2 columns 'tailnum'"):
            anonymize_csv("in.csv", "out.csv", AIRCRAFT)

    @pytest.mark.parametrize(
        "columns",
        [{}, {"tailnum": ""}, {"tailnum": "=cmd"}, {"tailnum": []}, {"tailnum": ["a", "b"]}],
        ids=repr,
    )
    def test_what_cannot_be_a_kind_is_refused_with_an_example(
        self, columns: dict[str, str | list[str]]
    ) -> None:
        with pytest.raises(AnonymizeError, match="such as"):
            anonymize_csv("in.csv", "out.csv", columns)

    def test_prose_alone_has_no_names_to_look_for(self) -> None:
        with pytest.raises(AnonymizeError, match="names of list columns"):
            needs_replacements({"Title": "text"})

    def test_marks_that_turn_text_around_are_shown_and_not_acted_on(self, folder: Path) -> None:
        write(folder / "in.csv", ["na\u202eme\n", "n"], ["x", "1"])
        with pytest.raises(UnknownColumn) as caught:
            anonymize_csv("in.csv", "out.csv", AIRCRAFT)
        assert r"'na\u202eme\n'" in str(caught.value)


class TestBrokenRows:
    @pytest.mark.parametrize(
        ("row", "wrong"),
        [
            (b"N2", "1 fields instead of 2"),
            (b"N2,2,2", "3 fields instead of 2"),
            (b"N2,\xff", "byte 0xff at position 4 is not utf-8. Pass encoding="),
            (b"N2,\0", "a NUL byte"),
            (b'"N2"x,2', "text follows a closing quote"),
            (b"N2\r,2", "a carriage return stands alone"),
        ],
    )
    def test_the_error_names_file_line_and_cure_and_skipping_leaves_out_that_row_alone(
        self, row: bytes, wrong: str
    ) -> None:
        # The first row spreads over two lines, so that lines and rows are counted apart.
        Path("in.csv").write_bytes(b'tailnum,n\nN1,"1\n1"\n' + row + b"\nN3,3\n")
        with pytest.raises(BrokenRow, match=r"in\.csv, line 4: .*on_broken='skip'") as caught:
            anonymize_csv("in.csv", "out.csv", AIRCRAFT)
        assert wrong in str(caught.value)
        assert caught.value.line == 4
        report = anonymize_csv("in.csv", "out.csv", AIRCRAFT, on_broken="skip")
        assert (report.rows_processed, report.rows_skipped) == (2, 1)
        assert report.skipped_lines == (4,)
        assert column(Path("out.csv"), "n") == ["1\n1", "3"]

    def test_all_skipped_rows_are_counted_and_the_first_twenty_lines_kept(
        self, folder: Path
    ) -> None:
        write(folder / "in.csv", ["tailnum", "n"], *([["N1", "1"], ["broken"]] * 50))
        report = anonymize_csv("in.csv", "out.csv", AIRCRAFT, on_broken="skip")
        assert report.rows_skipped == 50
        assert report.skipped_lines == tuple(range(3, 43, 2))
        assert str(report).startswith("50 rows, 50 values replaced, 50 broken rows left out")

    def test_a_file_of_broken_rows_alone_can_be_cancelled(self, folder: Path) -> None:
        write(folder / "in.csv", ["tailnum", "n"], *([["broken"]] * 5000))
        with pytest.raises(Cancelled):
            anonymize_csv(
                "in.csv",
                "out.csv",
                AIRCRAFT,
                on_broken="skip",
                progress=raise_at(3, Cancelled()),
            )

    @pytest.mark.parametrize("rest", [3, MAX_CELL // 1000], ids=["to the end", "beyond the limit"])
    def test_a_quote_that_never_closes_is_never_skipped(self, folder: Path, rest: int) -> None:
        with Path("in.csv").open("w") as file:
            file.write('tailnum,n\nN1,1\nN2,"2\n')
            file.writelines(f"N3,{'x' * 1000}\n" for _ in range(rest))
        with pytest.raises(BrokenRow, match=r"line 3: a quote opened in this row is never closed"):
            anonymize_csv("in.csv", "out.csv", AIRCRAFT, on_broken="skip")
        assert [path.name for path in folder.iterdir()] == ["in.csv"]

    def test_a_line_without_end_is_given_up_before_it_fills_the_memory(self) -> None:
        with Path("in.csv").open("wb") as file:
            file.write(b"tailnum,n\nN1,")
            file.seek(4 * MAX_CELL)  # a hole: gigabytes would cost no disk either
            file.write(b"\n")
        with pytest.raises(BrokenRow, match="line 2: the line is longer than"):
            anonymize_csv("in.csv", "out.csv", AIRCRAFT, on_broken="skip")

    def test_an_empty_file_and_one_in_utf_16_are_told_apart(self) -> None:
        Path("empty.csv").touch()
        with pytest.raises(AnonymizeError, match="no column names"):
            anonymize_csv("empty.csv", "out.csv", AIRCRAFT)
        Path("wide.csv").write_text("tailnum\nN1\n", encoding="utf-16")
        with pytest.raises(BrokenRow, match=r"line 1: .*UTF-16: convert"):
            anonymize_csv("wide.csv", "out.csv", AIRCRAFT)
        with pytest.raises(AnonymizeError, match="Convert the file to UTF-8"):
            anonymize_csv("wide.csv", "out.csv", AIRCRAFT, encoding="utf-16")

    def test_blank_lines_hold_no_row(self) -> None:
        Path("in.csv").write_text("tailnum,n\n\nN1,1\n\n")
        report = anonymize_csv("in.csv", "out.csv", AIRCRAFT)
        assert (report.rows_processed, report.rows_skipped) == (1, 0)


class TestHostileCells:
    def test_cells_of_other_columns_come_through_whatever_is_in_them(self, folder: Path) -> None:
        cells = [
            'a "quoted" word',
            "two\nlines",
            "carriage\r\nreturn",
            "a,comma",
            "=HYPERLINK(1)",
            "@SUM(A1)",
            "\u202eright to left\u2066",
            "\ufeffmark",
            "🦄" * 3,
            "<script>alert(1)</script>",
            "' OR 1=1 --",
            " blanks ",
        ]
        write(folder / "in.csv", ["tailnum", "n"], *(["N1", cell] for cell in cells))
        anonymize_csv("in.csv", "out.csv", AIRCRAFT)
        assert column(Path("out.csv"), "n") == cells

    def test_nothing_hostile_in_a_chosen_column_survives(self, folder: Path) -> None:
        cells = ['=HYPERLINK("x")', "a\nb", '"', "\u202eabc", "+1", "x,y", "aircraft-aaaaa-aaaaa"]
        write(folder / "in.csv", ["tailnum", "n"], *([cell, "1"] for cell in cells))
        anonymize_csv("in.csv", "out.csv", AIRCRAFT)
        codes = column(Path("out.csv"), "tailnum")
        assert all(CODE.fullmatch(code) for code in codes)
        assert len(set(codes)) == len(cells)
        assert not set(codes) & set(cells)

    def test_a_cell_of_ten_megabytes_is_a_cell(self, folder: Path) -> None:
        big = "x" * 10_000_000
        write(folder / "in.csv", ["tailnum", "n"], [big, "1"], ["N1", big])
        anonymize_csv("in.csv", "out.csv", AIRCRAFT)
        first, second = read(folder / "out.csv")[1:]
        assert CODE.fullmatch(first[0])
        assert second[1] == big


class TestRealTables:
    def test_every_tail_number_of_the_flights_is_replaced_and_nothing_else_changes(self) -> None:
        flights_csv("flights.csv")
        report = anonymize_csv("flights.csv", "public.csv", AIRCRAFT, keep=["NA"])
        known: dict[bytes, bytes] = {}
        with Path("flights.csv").open("rb") as before, Path("public.csv").open("rb") as after:
            place = next(before).split(b",").index(b"tailnum")
            next(after)
            rows = 0
            for was, now in zip(before, after, strict=True):
                rows += 1
                old, new = was.split(b","), now.split(b",")
                tail, code = old.pop(place), new.pop(place)
                assert old == new
                assert known.setdefault(tail, code) == code
        assert rows == report.rows_processed == 336_776
        assert known.pop(b"NA") == b"NA"
        assert len(known) == len(set(known.values())) == 4043
        assert all(CODE.fullmatch(code.decode()) for code in known.values())
        assert report.values_replaced == 336_776 - 2512

    def test_no_director_of_the_films_is_left_in_the_columns_of_people(self) -> None:
        export_movies(movies_db(), "movies.csv")
        columns = {**PEOPLE, "Title": "text"}
        names = prepare_replacements("movies.csv", columns)
        report = anonymize_csv("movies.csv", "public.csv", columns, replacements=names)
        before, after = read(Path("movies.csv")), read(Path("public.csv"))
        header = before[0]
        assert report.rows_processed == 17_472
        assert len(before) == len(after) == 17_473
        for name in PEOPLE:
            index = header.index(name)
            for was, now in zip(before[1:], after[1:], strict=True):
                assert bool(was[index]) == bool(now[index])
                assert all(NUMBER.fullmatch(one) for one in now[index].split(", ") if one)
        others = [i for i, name in enumerate(header) if name not in columns]
        assert all(
            [was[i] for i in others] == [now[i] for i in others]
            for was, now in zip(before, after, strict=True)
        )
        assert_no_director_in_a_title(before, after)


def assert_no_director_in_a_title(before: list[list[str]], after: list[list[str]]) -> None:
    director, title = before[0].index("Director"), before[0].index("Title")
    directors = {
        name.strip()
        for row in before[1:]
        for name in row[director].split(",")
        if " " in name.strip()
    }
    words = re.compile(r"\w[\w.'-]*")
    for row in after[1:]:
        starts = [match.start() for match in words.finditer(row[title])]
        ends = [match.end() for match in words.finditer(row[title])]
        assert not {row[title][a:b] for a in starts for b in ends if a < b} & directors
