"""The jobs of the simulation: functions that do nothing but what the next line tells them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import trio

import jobactors as ja
from jobactors import Job


class Planned(Exception):
    """What a simulated job fails with."""


class Stage:
    """One attempt that has begun: its lines, and how it behaves when it is cancelled."""

    def __init__(self, theatre: Theatre, job_id: str) -> None:
        self.theatre = theatre
        self.job_id = job_id
        self.send, self._lines = trio.open_memory_channel[tuple[str, Any]](100)
        self.shielded = False
        """Whether a cancel reaches it."""
        self.on_cancel = "raise"
        """What it does about a cancel: let it go on, return a value, or fail."""
        self.polled = False
        """What it was told last, when it asked whether to end."""
        self._value: Any = None
        self._scope = trio.CancelScope()
        self._dying = trio.CancelScope()

    async def play(self) -> Any:
        """Do line after line, until one of them ends the attempt."""
        try:
            with self._dying, self._scope:
                while not await self._do(*await self._lines.receive()):
                    pass
                return self._value
            raise Planned("in another task")
        except trio.Cancelled:
            if self.on_cancel == "return":
                return "kept"
            if self.on_cancel == "finish":
                return ja.succeeded("kept")
            if self.on_cancel == "fail":
                raise Planned("while cancelled") from None
            raise

    def die(self) -> None:
        """Raise wherever it waits, as if another one of its tasks had raised in its nursery."""
        self._dying.cancel()

    def lower_shield(self) -> None:
        """Let a cancel through from now on."""
        self.shielded = self._scope.shield = False

    async def _do(self, line: str, what: Any) -> bool:
        match line:
            case "return":
                self._value = what
                return True
            case "finish":
                self._value = ja.succeeded(what)
                return True
            case "partial":
                self._value = ja.cancelled(what)
                return True
            case "fail":
                raise Planned(what)
            case "snooze":
                raise ja.Snooze(what)
            case "shield":
                self.shielded = self._scope.shield = what and not self.theatre.closing
            case "on_cancel":
                self.on_cancel = what
            case "poll":
                self.polled = ja.current_job().cancel_requested
            case "read":
                self._read()
            case _:
                await self._do_with_others(line, what)
        return False

    async def _do_with_others(self, line: str, what: Any) -> None:
        match line:
            case "check":
                await ja.current_job().check()
            case "await":
                await self._wait_for(what)
            case "acquire":
                await self._acquire(what)
            case "release":
                ja.current_job().release()

    async def _wait_for(self, other: Job[Any]) -> None:
        said: object
        self.theatre.waiting.add(self.job_id)
        try:
            said = await other
        except (Planned, ja.JobCancelled, ja.JobTimedOut, ja.Deadlock) as exc:
            if not other.state.is_terminal:
                self.theatre.said.append((self.job_id, "refused", other.id))
                return
            said = type(exc).__name__
        finally:
            self.theatre.waiting.discard(self.job_id)
        self.theatre.said.append((self.job_id, other.id, said))

    async def _acquire(self, alternatives: list[dict[str, int]]) -> None:
        said = "acquired"
        self.theatre.waiting.add(self.job_id)
        try:
            await ja.current_job().acquire(*alternatives, any_of=True)
        except ja.Deadlock:
            said = "refused"
        finally:
            self.theatre.waiting.discard(self.job_id)
        self.theatre.said.append((self.job_id, said, None))

    def _read(self) -> None:
        message = ja.current_job().inbox.receive_nowait()
        if isinstance(message, ja.Question):
            message.reply(message.message)
            message = message.message
        self.theatre.said.append((self.job_id, "read", message))


class Theatre:
    """All attempts that have begun, and what they said."""

    def __init__(self) -> None:
        self.stages: dict[str, Stage] = {}
        """The present attempt of each job."""
        self.entered: Counter[tuple[str, int]] = Counter()
        """How often each attempt of each job has begun."""
        self.left = 0
        """How many attempts have ended."""
        self.given: dict[str, object] = {}
        """What each job got for the argument that was another job."""
        self.said: list[tuple[str, str, object]] = []
        """What the attempts have to tell, in order."""
        self.waiting: set[str] = set()
        """The jobs that wait for another one, or for resources."""
        self.closing = False
        """Whether nobody may resist a cancel any more."""

    async def act(self, flavour: int, given: object = None) -> Any:
        """Be the function of every simulated job."""
        del flavour  # an argument to differ in
        me = ja.current_job()
        self.entered[me.id, me.attempt] += 1
        self.given[me.id] = given
        stage = self.stages[me.id] = Stage(self, me.id)
        try:
            return await stage.play()
        finally:
            self.left += 1

    def close(self) -> None:
        """Let every cancel through from now on."""
        self.closing = True
        for stage in self.stages.values():
            stage.lower_shield()
