"""How an attempt ended, what that makes of the job, and what a waiter gets."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import asyncio
import dataclasses
import gc
import re
import threading
import traceback
import weakref
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from jobactors.model import outcome as module
from jobactors.model.error_text import LONGEST_MESSAGE, LONGEST_TRACEBACK, ErrorText, shorten
from jobactors.model.errors import JobCancelled, JobFailed, JobInterrupted, JobTimedOut
from jobactors.model.exception_tree import release_frames
from jobactors.model.outcome import (
    OWNER_CANCELLED,
    Answer,
    Ending,
    Outcome,
    Partial,
    Raised,
    Returned,
    Stopped,
    Succeeded,
    ending_of,
    error_for_waiter,
    judge,
    unwrap,
)
from jobactors.model.states import JobState, Request

if TYPE_CHECKING:
    from collections.abc import Callable

WHY: Final = "because of the test"


def raised(make: Callable[[], BaseException]) -> BaseException:
    """Raise an exception in a function of its own and return it, traceback and all."""

    def failing() -> None:
        raise make()

    try:
        failing()
    except BaseException as exc:
        return exc
    raise AssertionError("unreachable")


def real_trio_cancelled() -> BaseException:
    """What trio itself raises in a cancelled task."""
    caught: list[BaseException] = []

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.sleep_forever()
            except trio.Cancelled as exc:
                caught.append(exc)
                raise

    trio.run(main)
    return caught[0]


def failed_with(exc: BaseException) -> Outcome:
    """The outcome of a job that nobody asked anything and that raised ``exc``."""
    return judge(ending_of(exc), None, None)


# -- the table of the module's docstring


def table() -> dict[tuple[str, str], str]:
    """The cells of the docstring's table by (the attempt, what was asked)."""
    lines = (module.__doc__ or "").splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("=====")]
    columns = [match.span() for match in re.finditer("=+", lines[rules[0]])]
    ends: list[int | None] = [start for start, _ in columns[1:]] + [None]

    def cells(line: str) -> list[str]:
        return [line[start:end].strip() for (start, _), end in zip(columns, ends, strict=True)]

    head = cells(lines[rules[0] + 1])
    rows = [cells(line) for line in lines[rules[1] + 1 : rules[2]]]
    return {
        (row[0], asked): cell for row in rows for asked, cell in zip(head[1:], row[1:], strict=True)
    }


ENDINGS: Final[dict[str, Callable[[], Ending]]] = {
    "returned a value": lambda: Returned(7),
    "notified, returned x": lambda: Returned("x", told=True),
    "returned cancelled(x)": lambda: Returned(Partial("x")),
    "returned succeeded(x)": lambda: Returned(Succeeded("x"), told=True),
    "raised an Exception": lambda: ending_of(ValueError("boom")),
    "raised anything else": lambda: ending_of(SystemExit(3)),
    "stopped by its scope": Stopped,
}
REQUESTS: Final = {
    "nothing asked": (None, Request.PAUSE, Request.RESUME),
    "cancel asked": (Request.CANCEL,),
    "timed out": (Request.TIME_OUT,),
    "interrupt asked": (Request.INTERRUPT,),
}
WAITERS: Final[dict[str, type[Exception] | None]] = {
    "succeeded": None,
    "succeeded, x": None,
    "cancelled": JobCancelled,
    "cancelled, x": JobCancelled,
    "failed, timed out": JobTimedOut,
    "interrupted": JobInterrupted,
}


def test_the_table_is_complete() -> None:
    assert set(table()) == {(ending, asked) for ending in ENDINGS for asked in REQUESTS}
    assert set(table().values()) == {"failed", *WAITERS}
    assert {request for asked in REQUESTS.values() for request in asked} == {None, *Request}


@pytest.mark.parametrize(
    ("ending", "asked", "request_", "cell"),
    [
        (ending, asked, request, cell)
        for (ending, asked), cell in table().items()
        for request in REQUESTS[asked]
    ],
)
def test_an_ending_is_judged_as_the_table_says(
    ending: str, asked: str, request_: Request | None, cell: str
) -> None:
    outcome = judge(ENDINGS[ending](), request_, WHY if asked != "nothing asked" else None)
    state, _, detail = cell.partition(", ")
    assert outcome.state == state
    assert outcome.value == {"succeeded": 7, "succeeded, x": "x", "cancelled, x": "x"}.get(cell)
    if detail == "timed out":
        assert outcome.reason == WHY
    if cell != "failed":
        got = error_for_waiter("j", outcome)
        assert type(got) is (WAITERS[cell] or type(None))


@pytest.mark.parametrize(
    ("ending", "answer"),
    [
        (Returned(7), Answer.UNHEARD),
        (Returned(7, told=True), Answer.STOPPED),
        (Returned(Partial(7)), Answer.STOPPED),
        (Returned(Succeeded(7), told=True), Answer.FINISHED),
        (Returned(Succeeded(7)), Answer.FINISHED),
        (Stopped(), None),
    ],
)
def test_an_outcome_says_how_a_request_was_answered(ending: Ending, answer: Answer | None) -> None:
    for request in (Request.CANCEL, Request.TIME_OUT, Request.INTERRUPT):
        assert judge(ending, request, WHY).answer is answer
    for nothing in REQUESTS["nothing asked"]:
        assert judge(ending, nothing, None).answer is None


@pytest.mark.parametrize("request_", [Request.CANCEL, Request.TIME_OUT, Request.INTERRUPT])
def test_an_error_after_the_request_is_kept_with_the_reason(request_: Request) -> None:
    exc = ValueError("boom")
    outcome = judge(ending_of(exc), request_, WHY)
    assert outcome.exception is exc
    assert outcome.reason == WHY
    assert str(outcome.error) == "ValueError: boom"


@pytest.mark.parametrize("request_", REQUESTS["nothing asked"])
def test_a_job_stopped_by_nobody_was_cancelled_with_its_owner(request_: Request | None) -> None:
    assert judge(Stopped(), request_, None).reason == OWNER_CANCELLED


def test_a_job_that_timed_out_silently_says_so_as_its_error() -> None:
    outcome = judge(Stopped(), Request.TIME_OUT, "it took longer than 3 s")
    assert str(outcome.error) == "JobTimedOut: it took longer than 3 s"


def test_a_time_out_needs_no_reason_to_be_one() -> None:
    error = error_for_waiter("j", judge(Stopped(), Request.TIME_OUT, None))
    assert isinstance(error, JobTimedOut)
    assert isinstance(error, TimeoutError)


def test_a_value_of_none_is_a_result_like_any_other() -> None:
    assert judge(Returned(None), None, None) == Outcome(JobState.SUCCEEDED, None)
    assert unwrap("j", Outcome(JobState.SUCCEEDED, None)) is None


def test_cancelled_without_a_partial_result_is_cancelled() -> None:
    outcome = judge(Returned(Partial(None)), None, None)
    assert (outcome.state, outcome.value) == (JobState.CANCELLED, None)


# -- what a waiter gets


@pytest.mark.parametrize(
    "exc",
    [
        ValueError("boom"),
        KeyError(),
        TimeoutError("not ours"),
        ExceptionGroup("several", [ValueError("a"), KeyError("b")]),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_a_waiter_gets_the_jobs_own_exception(exc: Exception) -> None:
    with pytest.raises(type(exc)) as caught:
        unwrap("j-1", failed_with(raised(lambda: exc)))
    assert caught.value is exc


@pytest.mark.parametrize(
    "make",
    [
        lambda: SystemExit(3),
        KeyboardInterrupt,
        GeneratorExit,
        lambda: StopIteration("value"),
        StopAsyncIteration,
        asyncio.CancelledError,
        real_trio_cancelled,
        lambda: BaseExceptionGroup("several", [ValueError("a"), KeyboardInterrupt()]),
    ],
)
def test_what_would_harm_a_waiter_arrives_wrapped(make: Callable[[], BaseException]) -> None:
    """Raised in the waiter's code, each would end its loop, its generator or its process."""
    exc = raised(make)
    outcome = failed_with(exc)
    assert outcome.state is JobState.FAILED
    with pytest.raises(JobFailed, match="job j-1 failed") as caught:
        unwrap("j-1", outcome)
    assert caught.value.__cause__ is exc
    assert type(exc).__qualname__ in str(caught.value)


@given(
    st.sampled_from(
        [ValueError, StopIteration, SystemExit, KeyboardInterrupt, GeneratorExit, JobCancelled]
    ),
    st.sampled_from([None, *Request]),
)
def test_a_waiter_never_gets_more_than_an_exception(
    kind: type[BaseException], request: Request | None
) -> None:
    error = error_for_waiter("j", judge(ending_of(kind("x")), request, WHY))
    assert isinstance(error, Exception)
    assert not isinstance(error, StopIteration)


def test_a_waiter_of_a_cancelled_job_gets_reason_and_partial_result() -> None:
    with pytest.raises(JobCancelled, match=f"job j was cancelled: {WHY}") as caught:
        unwrap("j", judge(Returned(Partial([1, 2])), Request.CANCEL, WHY))
    assert caught.value.reason == WHY
    assert caught.value.partial == [1, 2]


def test_a_waiter_of_an_interrupted_job_learns_what_to_do() -> None:
    with pytest.raises(JobInterrupted, match=r"resume\(\) to go on or discard\(\) to end it"):
        unwrap("j", judge(Stopped(), Request.INTERRUPT, "kernel died"))


def test_an_error_known_only_as_text_still_reaches_the_waiter() -> None:
    """So it is with a job of an earlier process."""
    text = ErrorText("ValueError", "boom", "Traceback …")
    with pytest.raises(JobFailed, match="job j failed: ValueError: boom"):
        unwrap("j", Outcome(JobState.FAILED, error=text))
    with pytest.raises(JobFailed, match="no reason is known"):
        unwrap("j", Outcome(JobState.FAILED))


def test_the_jobs_traceback_comes_as_a_note_added_once() -> None:
    exc = raised(lambda: ValueError("boom"))
    outcome = failed_with(exc)
    for _ in range(3):
        with pytest.raises(ValueError, match="boom"):
            unwrap("j-1", outcome)
    assert len(exc.__notes__) == 1
    note = exc.__notes__[0]
    assert note.startswith("raised in job j-1:\nTraceback (most recent call last):")
    assert "in failing" in note


def test_an_exceptions_own_notes_stay() -> None:
    exc = raised(lambda: ValueError("boom"))
    exc.add_note("see the manual")
    with pytest.raises(ValueError, match="boom"):
        unwrap("j-1", failed_with(exc))
    assert exc.__notes__[0] == "see the manual"
    assert len(exc.__notes__) == 2


def test_the_same_exception_does_not_grow_with_its_waiters() -> None:
    outcome = failed_with(raised(lambda: ValueError("boom")))
    depths = set()
    for _ in range(50):
        with pytest.raises(ValueError, match="boom") as caught:
            unwrap("j", outcome)
        depths.add(len(traceback.extract_tb(caught.value.__traceback__)))
    assert len(depths) == 1


def test_waiters_in_many_threads_all_get_it() -> None:
    exc = raised(lambda: ValueError("boom"))
    outcome = failed_with(exc)
    together = threading.Barrier(8)
    got: list[BaseException] = []

    def wait() -> None:
        together.wait(30)
        try:
            unwrap("j", outcome)
        except BaseException as caught:
            got.append(caught)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert got == [exc] * 8


# -- hostile exceptions


class MuteError(Exception):
    """Its ``__str__`` raises whatever it was made with."""

    def __str__(self) -> str:
        raise self.args[0]


@pytest.mark.parametrize("kind", [ValueError, RecursionError, SystemExit, KeyboardInterrupt])
def test_an_exception_that_cannot_be_printed_is_described_all_the_same(
    kind: type[BaseException],
) -> None:
    outcome = failed_with(raised(lambda: MuteError(kind("hidden"))))
    assert outcome.error is not None
    assert outcome.error.message == f"<its __str__ raised {kind.__name__}>"
    assert "MuteError" in outcome.error.traceback
    with pytest.raises(MuteError):
        unwrap("j", outcome)


def test_an_exception_whose_text_is_none_is_described_all_the_same() -> None:
    class Numb(Exception):
        def __str__(self) -> str:
            return self.args[0]  # type: ignore[no-any-return]

    text = ErrorText.of(Numb(None))
    assert text.message == "<its __str__ raised TypeError>"


def test_an_exception_without_text_is_named_by_its_class() -> None:
    assert str(ErrorText.of(ValueError())) == "ValueError"
    assert str(ErrorText.of(trio.BusyResourceError())) == "trio.BusyResourceError"


def test_an_exception_whose_attributes_raise_reaches_the_waiter() -> None:
    class Hollow(Exception):
        def __getattr__(self, name: str) -> object:
            raise ZeroDivisionError(name)

    exc = raised(Hollow)
    outcome = failed_with(exc)
    assert outcome.error is not None
    assert "raise make()" in outcome.error.traceback
    with pytest.raises(Hollow):
        unwrap("j", outcome)


@pytest.mark.parametrize("notes", ["one text", [1, 2], None])
def test_notes_that_are_none_do_not_keep_an_exception_from_its_waiter(notes: object) -> None:
    exc = raised(lambda: ValueError("boom"))
    exc.__dict__["__notes__"] = notes
    assert error_for_waiter("j", failed_with(exc)) is exc


def test_a_frozen_exception_reaches_the_waiter_and_lets_its_frames_go() -> None:
    @dataclasses.dataclass(frozen=True)
    class Rejected(Exception):
        row: int

    exc = raised(lambda: Rejected(3))
    outcome = failed_with(exc)
    assert exc.__traceback__ is None
    with pytest.raises(Rejected):
        unwrap("j", outcome)


def test_groups_nested_without_end_are_described() -> None:
    exc: Exception = ValueError("innermost")
    for _ in range(5_000):
        exc = ExceptionGroup("again", [exc])
    ending = ending_of(exc)
    assert ending.text.type == "ExceptionGroup"
    assert ending.text.traceback
    while isinstance(exc, ExceptionGroup):  # taken apart by hand: Python would do it recursively
        exc = exc.exceptions[0]


# -- frames


class Data:
    """Something a failing frame holds."""


def failing_frame(kept: list[weakref.ref[Data]], exc: BaseException) -> None:
    """Raise ``exc`` from a frame with a local that ``kept`` watches."""
    data = Data()
    kept.append(weakref.ref(data))
    raise exc


def caught_in_frame(kept: list[weakref.ref[Data]], exc: BaseException) -> BaseException:
    """Like ``failing_frame``, and hand the exception back."""
    try:
        failing_frame(kept, exc)
    except BaseException as error:
        return error
    raise AssertionError("unreachable")


def chained_by_cause(kept: list[weakref.ref[Data]]) -> BaseException:
    try:
        inner = caught_in_frame(kept, KeyError("inner"))
        raise ValueError("outer") from inner  # noqa: TRY301 - the chain is made here
    except ValueError as exc:
        return exc


def chained_by_context(kept: list[weakref.ref[Data]]) -> BaseException:
    try:
        try:
            failing_frame(kept, KeyError("inner"))
        except KeyError:
            failing_frame(kept, ValueError("outer"))
    except ValueError as exc:
        return exc
    raise AssertionError("unreachable")


def in_a_group(kept: list[weakref.ref[Data]]) -> BaseException:
    inner = [caught_in_frame(kept, ValueError(str(number))) for number in range(3)]
    nested = BaseExceptionGroup("nested", inner)
    return caught_in_frame(kept, BaseExceptionGroup("outer", [nested, KeyboardInterrupt()]))


def in_a_cycle(kept: list[weakref.ref[Data]]) -> BaseException:
    one = caught_in_frame(kept, ValueError("one"))
    two = caught_in_frame(kept, ValueError("two"))
    one.__cause__, two.__context__ = two, one
    return one


def in_a_long_chain(kept: list[weakref.ref[Data]]) -> BaseException:
    exc = caught_in_frame(kept, ValueError("first"))
    for number in range(3_000):
        further = ValueError(str(number))
        further.__context__ = exc
        exc = further
    return exc


@pytest.mark.parametrize(
    "make",
    [
        lambda kept: caught_in_frame(kept, ValueError("alone")),
        chained_by_cause,
        chained_by_context,
        in_a_group,
        in_a_cycle,
        in_a_long_chain,
    ],
)
def test_a_kept_exception_lets_all_its_frames_go(
    make: Callable[[list[weakref.ref[Data]]], BaseException],
) -> None:
    kept: list[weakref.ref[Data]] = []
    exc = make(kept)
    assert any(ref() is not None for ref in kept), "the test itself must hold a frame"
    release_frames(exc)
    gc.collect()
    assert [ref() for ref in kept] == [None] * len(kept)


def test_the_text_is_taken_before_the_frames_are_let_go() -> None:
    kept: list[weakref.ref[Data]] = []
    ending = ending_of(chained_by_cause(kept))
    assert isinstance(ending, Raised)
    assert ending.exception.__traceback__ is None
    assert "in failing_frame" in ending.text.traceback
    assert "direct cause" in ending.text.traceback


def test_a_waiter_that_is_done_leaves_no_frame_of_the_job_behind() -> None:
    kept: list[weakref.ref[Data]] = []
    outcome = failed_with(caught_in_frame(kept, ValueError("boom")))
    with pytest.raises(ValueError, match="boom"):
        unwrap("j", outcome)
    gc.collect()
    assert kept[0]() is None


def test_the_text_begins_with_the_jobs_own_code() -> None:
    """The frames of jobactors and trio that lead to it are of no interest."""

    async def through_trio() -> str:
        try:
            await trio.to_thread.run_sync(lambda: failing_frame([], ValueError("boom")))
        except ValueError as exc:
            frames = exc.__traceback__
            assert frames is not None
            return ErrorText.of(exc.with_traceback(frames.tb_next)).traceback
        return ""

    text = trio.run(through_trio)
    first = text.splitlines()[1]
    assert "test_outcome.py" in first
    assert "trio" not in first


# -- texts


def test_a_huge_message_is_cut_to_its_limit_and_says_so() -> None:
    text = ErrorText.of(ValueError("a" * 500_000 + "end"))
    assert len(text.message) <= LONGEST_MESSAGE
    assert len(text.traceback) <= LONGEST_TRACEBACK
    assert text.message.startswith("aaa")
    assert text.message.endswith("aend")
    assert "characters cut" in text.message


@given(st.text(max_size=300), st.integers(40, 200))
def test_a_text_is_cut_in_the_middle_by_exactly_what_the_mark_says(text: str, longest: int) -> None:
    short = shorten(text, longest)
    assert len(short) <= longest
    if len(text) <= longest:
        assert short == text
        return
    head, tail = re.split(r"\n… \d+ characters cut …\n", short)
    (cut,) = re.findall(r"\n… (\d+) characters cut …\n", short)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) + int(cut) + len(tail) == len(text)


def test_an_outcome_never_prints_its_value() -> None:
    """It may be huge, and it may hold what nobody should see in a log."""
    assert repr(Outcome(JobState.SUCCEEDED, "a patient")) == "<Outcome succeeded: str>"
    assert repr(Outcome(JobState.SUCCEEDED)) == "<Outcome succeeded>"
    assert repr(Outcome(JobState.CANCELLED, reason=WHY)) == f"<Outcome cancelled: {WHY}>"
    assert repr(failed_with(KeyError("k"))) == "<Outcome failed: KeyError: 'k'>"


def test_the_samples_hold_a_real_cancellation() -> None:
    exc: Any = real_trio_cancelled()
    assert type(exc) is trio.Cancelled
