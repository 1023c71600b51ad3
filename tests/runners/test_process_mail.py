"""A job in its own process is told and asked things like any other."""

from __future__ import annotations

import threading

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
