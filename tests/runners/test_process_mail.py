"""Messages and questions reach a job in its own process as they reach any other."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
import trio

import jobactors as ja


def listen() -> list[object]:
    """Collect messages until told to stop; answer questions with twice their message."""
    heard: list[object] = []
    for message in ja.current_job().inbox:
        if message == "stop":
            return heard
        if isinstance(message, ja.Question):
            message.reply(message.message * 2)
        else:
            heard.append(message)
    raise AssertionError("an inbox never ends by itself")


async def test_messages_arrive_in_order_and_questions_are_answered() -> None:
    """Those told before the start as well."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process").submit(listen)
        for number in range(5):
            job.tell(number)
        with trio.fail_after(60):
            assert await job.ask(21) == 42
            job.tell("stop")
            assert await job == [0, 1, 2, 3, 4]


async def test_the_mailbox_keeps_its_bound_until_messages_are_read() -> None:
    """The bound counts what the job has not read, wherever it waits."""

    def wait_for_three() -> list[object]:
        inbox = ja.current_job().inbox
        return [inbox.receive_in_thread() for _ in range(3)]

    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process", mailbox=2, hold=True).submit(wait_for_three)
        job.tell(1)
        job.tell(2)
        with pytest.raises(ja.MailboxFull):
            job.tell(3)
        job.release()
        with trio.fail_after(60):
            while True:
                try:
                    job.tell(3)
                    break
                except ja.MailboxFull:
                    await trio.lowlevel.checkpoint()
            assert await job == [1, 2, 3]


async def test_what_cannot_be_pickled_is_refused_where_it_is_told() -> None:
    """The job goes on, and nothing was sent."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process").submit(listen)
        with trio.fail_after(60):
            assert await job.ask(1) == 2
            with pytest.raises(TypeError, match="pickled"):
                job.tell(threading.Lock())
            job.tell("stop")
            assert await job == []


async def test_a_question_that_is_read_and_left_is_answered_at_the_end() -> None:
    """By NoAnswer, in every runner; nobody waits for ever."""

    def read_and_leave() -> None:
        ja.current_job().inbox.receive_in_thread()

    async with ja.open_jobs() as jobs:
        for runner in ("thread", "process"):
            job = jobs.options(runner=runner).submit(read_and_leave)
            with trio.fail_after(60), pytest.raises(ja.NoAnswer):
                await job.ask("are you there?")


class BadBack:
    """Can be pickled, and not rebuilt."""

    def __reduce__(self) -> Any:
        return sys.exit, ("rebuilt",)


def answer(value: object) -> str:
    """Answer one question."""
    ja.current_job().inbox.receive_in_thread().reply(value)
    return "done"


async def test_an_answer_that_cannot_be_rebuilt_costs_itself() -> None:
    """The asker gets an error that says so, and the job goes on."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process").submit(answer, BadBack)
        with trio.fail_after(60):
            assert await job.ask("a class?") is BadBack
            assert await job == "done"
        job = jobs.options(runner="process").submit(lambda: answer(BadBack()))
        with trio.fail_after(60):
            with pytest.raises(ja.NoAnswer, match="could not be rebuilt"):
                await job.ask("an object?")
            assert await job == "done"


async def test_a_message_that_cannot_be_rebuilt_costs_itself() -> None:
    """It is dropped with a line in the log; a question among them fails; a cancel still arrives."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process").submit(listen)
        with trio.fail_after(60):
            assert await job.ask(1) == 2
            job.tell(BadBack())
            with pytest.raises(TypeError, match="did not arrive"):
                await job.ask(BadBack())
            job.tell("next")
            assert await job.ask(2) == 4
            job.tell("stop")
            assert await job == ["next"]
        assert job.logs().count("a message to this job was dropped") == 2


async def test_a_question_cannot_fail_with_anything_but_an_exception() -> None:
    """It could not be raised where the question was asked."""
    question = ja.Question("?", ja.Reply("job-1"))
    with pytest.raises(TypeError, match="not with 'no'"):
        question.fail("no")  # type: ignore[arg-type]
    assert not question.is_answered


async def test_a_message_from_before_the_start_that_cannot_be_pickled_is_refused_too() -> None:
    """The job starts, and reads the others."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process", hold=True).submit(listen)
        job.tell("first")
        with pytest.raises(TypeError, match="pickled"):
            job.tell(threading.Lock())
        with pytest.raises(TypeError, match="pickled"):
            job.ask(threading.Lock())
        job.tell("second")
        job.release()
        with trio.fail_after(60):
            assert await job.ask(1) == 2
            job.tell("stop")
            assert await job == ["first", "second"]


class Threaded:
    """Notes the thread in which it is pickled, and the one in which it is rebuilt."""

    def __init__(self) -> None:
        self.pickled_in = 0
        self.rebuilt_in = 0

    def __getstate__(self) -> int:
        return threading.get_ident()

    def __setstate__(self, pickled_in: int) -> None:
        self.pickled_in = pickled_in
        self.rebuilt_in = threading.get_ident()


def answer_the_threads() -> str:
    """Answer with the thread in which the question was pickled, and whether it was rebuilt here."""
    question = ja.current_job().inbox.receive_in_thread()
    threads = question.message
    question.reply((threads.pickled_in, threads.rebuilt_in == threading.get_ident(), threads))
    return "done"


async def test_a_message_is_pickled_where_it_is_told_and_rebuilt_where_it_is_read() -> None:
    """Never in the loop, nor in the thread that hears of a cancel; nor is the answer."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process").submit(answer_the_threads)

        def ask() -> tuple[int, ja.Reply]:
            return threading.get_ident(), job.ask(Threaded())

        with trio.fail_after(60):
            asker, reply = await trio.to_thread.run_sync(ask)
            pickled_in, read_where_rebuilt, threads = await reply
            assert (pickled_in, read_where_rebuilt) == (asker, True)
            assert threads.rebuilt_in not in {0, threading.get_ident()}
            assert await job == "done"


class Coded(Exception):
    """Takes more than it passes on."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


async def test_a_question_fails_with_the_very_error() -> None:
    """Whatever its constructor takes; one whose class is unknown here is named."""

    def fail_it() -> None:
        inbox = ja.current_job().inbox
        inbox.receive_in_thread().fail(Coded("no", 7))
        lock = threading.Lock()

        class Here(Exception):
            def hold(self) -> object:
                return lock

        inbox.receive_in_thread().fail(Here("x"))

    async with ja.open_jobs() as jobs:
        job = jobs.options(runner="process").submit(fail_it)
        with trio.fail_after(60):
            with pytest.raises(Coded) as caught:
                await job.ask(1)
            assert (str(caught.value), caught.value.code) == ("no", 7)
            with pytest.raises(ja.JobactorsError, match=r"failed with a .*Here"):
                await job.ask(2)
