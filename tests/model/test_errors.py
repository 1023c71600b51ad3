"""Every error says what to do about it, and can be caught as what it is."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import pickle

import pytest

from jobactors.model import checkpoint_errors, errors
from jobactors.model.chain_result import ChainResult
from jobactors.model.phases import ChainProblem
from jobactors.model.snooze import Snooze

SENTENCES: list[tuple[errors.JobactorsError, str]] = [
    (errors.JobFailed("j-1", "SystemExit: 3"), "job j-1 failed: SystemExit: 3"),
    (errors.JobTimedOut("j-1", "too long"), "job j-1 failed: too long"),
    (errors.JobCancelled("j-1"), "job j-1 was cancelled"),
    (errors.JobCancelled("j-1", "enough", [1]), "job j-1 was cancelled: enough"),
    (
        errors.JobInterrupted("j-1", "kernel died"),
        "job j-1 was interrupted (kernel died); call resume() to go on or discard() to end it",
    ),
    (errors.IllegalMove("j-1", "failed", "running"), "job j-1 is failed: it cannot become running"),
    (
        errors.IllegalVerb("j-1", "queued", "pause", "hold it instead"),
        "cannot pause job j-1: it is queued; hold it instead",
    ),
    (errors.ResultNotKept("j-1", "int"), "only the name of its type is stored, int: run it"),
    (errors.WrongThread("job.result()", "await job"), "use await job here"),
]


@pytest.mark.parametrize(("error", "sentence"), SENTENCES, ids=lambda value: type(value).__name__)
def test_an_error_says_what_happened(error: errors.JobactorsError, sentence: str) -> None:
    assert sentence in str(error)


EVERY: list[BaseException] = [
    *(error for error, _ in SENTENCES),
    errors.WorkerDied("killed", -9),
    errors.UnknownJob("j-1"),
    errors.UnknownJobType("indx", ("index",)),
    errors.DuplicateJob("k", "j-1", "other arguments"),
    errors.TooMuch("gpu", 3, 2),
    errors.ResourceBusy("gpu", ("j-1",)),
    errors.Deadlock("j-1", "gpu", ("j-1", "j-2")),
    errors.MailboxFull("j-1", 64),
    errors.NoAnswer("j-1", "it ended"),
    errors.JobsClosed("wait"),
    errors.EngineFailed(ValueError()),
    errors.StoreBusy("jobs.db", "process 4711"),
    errors.StoreFailed("jobs.db", "full", "make room"),
    errors.NotResumable("j-1", "no type"),
    errors.ChainInvalid("c", [ChainProblem("error", "p", "wrong")]),
    errors.ChainFailed(ChainResult("failed", "it failed", ())),
    checkpoint_errors.RangesUnfinished("work", ["1/2"]),
    checkpoint_errors.CheckpointFound("index", "wiki", "45 %"),
    Snooze(2.5),
]


@pytest.mark.parametrize("error", EVERY, ids=lambda value: type(value).__name__)
def test_an_error_reaches_another_process_whole(error: BaseException) -> None:
    error.add_note("a note")
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(twin) is type(error)
    assert (str(twin), repr(twin)) == (str(error), repr(error))
    assert twin.__dict__ == error.__dict__


def test_an_error_of_a_derived_class_reaches_another_process() -> None:
    error = Limited("slow down", retry_after=3)
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (twin.delay, twin.reason) == (3, "slow down")


class Limited(Snooze):
    """A snooze whose constructor takes other arguments."""

    def __init__(self, reason: str, *, retry_after: float) -> None:
        super().__init__(retry_after)
        self.reason = reason


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (errors.UnknownJob("j-1"), "jobs.list() shows the known ones"),
        (errors.UnknownJobType("indx", ("index",)), "import the module that declares it"),
        (errors.DuplicateJob("k", "j-1", "other arguments"), 'on_duplicate="replace"'),
        (errors.JobsClosed(), "open a new one"),
        (errors.JobsClosed("wait for a job"), "cannot wait for a job"),
        (errors.JobsClosed("be asked"), "jobs.get(id) finds a job that is stored"),
        (errors.AlreadyStarted("max_running=4"), "call ja.stop() first"),
        (errors.WrongProcess(), "open one of its own in the child"),
        (errors.NoJobSystem("ja.tracked()"), "call ja.start() first"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_says_what_to_do(error: errors.JobactorsError, cure: str) -> None:
    assert cure in str(error)


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, BaseException)
    ],
)
def test_every_error_is_one_of_ours_and_an_ordinary_exception(kind: type[BaseException]) -> None:
    assert issubclass(kind, errors.JobactorsError)
    assert kind.__doc__


def test_a_time_out_is_a_failure_and_a_timeout_error() -> None:
    assert issubclass(errors.JobTimedOut, errors.JobFailed)
    assert issubclass(errors.JobTimedOut, TimeoutError)


@pytest.mark.parametrize("kind", [errors.UnknownJob, errors.UnknownJobType])
def test_what_is_unknown_is_a_key_error_with_a_readable_text(kind: type[BaseException]) -> None:
    """A plain KeyError would print the repr of its text, in quotes."""
    assert issubclass(kind, KeyError)
    error = errors.UnknownJob("j") if kind is errors.UnknownJob else errors.UnknownJobType("t", ())
    assert str(error).startswith("no job")


def test_a_cancelled_job_is_not_the_cancellation_of_an_event_loop() -> None:
    error = errors.JobCancelled("j", "enough", partial=[1])
    assert isinstance(error, Exception)
    assert (error.job_id, error.reason, error.partial) == ("j", "enough", [1])
