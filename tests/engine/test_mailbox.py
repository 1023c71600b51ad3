"""The mailbox of a running job, in trio and in threads."""

from __future__ import annotations

import pytest
import trio
import trio.testing

import jobactors as ja


async def collect() -> list[object]:
    """Collect messages until "stop"; answer questions."""
    heard: list[object] = []
    async for message in ja.current_job().inbox:
        if message == "stop":
            return heard
        if isinstance(message, ja.Question):
            message.reply(len(heard))
        else:
            heard.append(message)
    raise AssertionError("an inbox never ends by itself")


async def test_messages_arrive_in_order_those_before_the_start_too() -> None:
    """A held job's messages wait for it."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(hold=True).submit(collect)
        for number in range(3):
            job.tell(number)
        job.release()
        assert await job.ask("how many?") == 3
        job.tell("stop")
        assert await job == [0, 1, 2]


async def test_a_full_mailbox_refuses_and_says_what_to_do() -> None:
    """Nothing that was accepted is lost."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(hold=True, mailbox=1).submit(collect)
        job.tell("one")
        with pytest.raises(ja.MailboxFull, match="mailbox="):
            job.tell("two")
        job.release()
        await trio.testing.wait_all_tasks_blocked()
        job.tell("stop")
        assert await job == ["one"]


async def test_an_ended_job_cannot_be_told_anything() -> None:
    """Documented error, not silence."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(int, "3")
        await job
        with pytest.raises(ja.IllegalVerb, match="its mailbox is closed"):
            job.tell("hello")


async def test_a_failed_answer_is_raised_where_the_question_was_asked() -> None:
    """``question.fail(error)``."""

    async def refuse() -> None:
        (await ja.current_job().inbox.receive()).fail(ValueError("not now"))

    async with ja.open_jobs() as jobs:
        job = jobs.submit(refuse)
        with pytest.raises(ValueError, match="not now"):
            await job.ask("ready?")


async def test_open_questions_end_with_the_job() -> None:
    """Unread ones, and those it read and left."""

    async def leave() -> None:
        await ja.current_job().inbox.receive()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(leave)
        questions = [job.ask(1), job.ask(2)]
        for question in questions:
            with pytest.raises(ja.NoAnswer, match="it has ended"):
                await question


async def test_messages_stay_across_a_retry(autojump_clock: trio.testing.MockClock) -> None:
    """Messages that the first attempt has not read, the second one finds."""
    heard: list[object] = []

    async def flaky() -> None:
        heard.append(await ja.current_job().inbox.receive())
        if ja.current_job().attempt == 1:
            raise ConnectionError

    async with ja.open_jobs() as jobs:
        job = jobs.options(retry=ja.Retry(max=2)).submit(flaky)
        job.tell("first")
        job.tell("second")
        await job
    assert heard == ["first", "second"]


async def test_a_thread_waits_for_messages_and_hears_a_cancel_meanwhile() -> None:
    """``for message in inbox`` blocks the job's thread, not its cancel."""
    heard: list[object] = []

    def listen() -> None:
        heard.extend(ja.current_job().inbox)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(listen)
        job.tell("hello")
        with trio.fail_after(30):
            while not heard:
                await trio.lowlevel.checkpoint()
            job.cancel()
            await job.wait()
    assert (job.state, heard) == ("cancelled", ["hello"])


def test_a_cell_asks_a_job_and_waits_with_a_timeout() -> None:
    """From a plain thread: ``job.ask(…).result(timeout)``."""

    async def never() -> None:
        await trio.sleep_forever()

    jobs = ja.start()
    try:
        job = jobs.submit(collect)
        assert job.ask("how many?").result(30) == 0
        job.tell("stop")
        assert job.result(30) == []
        silent = jobs.submit(never)
        with pytest.raises(ja.NoAnswer, match="have passed"):
            silent.ask("anybody?").result(0.01)
    finally:
        ja.stop(grace=0)
