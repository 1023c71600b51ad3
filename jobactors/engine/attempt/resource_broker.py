"""``ctx.acquire``: a running job asks for resources, waits for them, and gives them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobactors.engine.queue.request_lines import ResourceRequest
from jobactors.inside.signals.control import StopJob
from jobactors.inside.signals.latch import PASSED
from jobactors.model.checks import as_timeout
from jobactors.model.errors import WrongThread

from .slot_loan import SlotLoan

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from jobactors.engine.records.record import Record
    from jobactors.inside.signals.control import Control
    from jobactors.model.checks import Seconds

    from .host import AttemptHost


_LEFT_OVER: Final = "its attempt has ended, and holds nothing any more"


class ResourceBroker:
    """Acquires resources for one running job, which calls it from any thread."""

    __slots__ = ("_attempt", "_control", "_host", "_record")

    def __init__(self, host: AttemptHost, record: Record, attempt: int, control: Control) -> None:
        self._host = host
        self._record = record
        self._attempt = attempt
        self._control = control

    def acquire(
        self, alternatives: tuple[Mapping[str, int], ...], doing: str
    ) -> PendingAcquisition:
        """Return an acquisition of one of ``alternatives``; awaited or entered, it begins."""
        request = ResourceRequest(self._record.id, units=alternatives, doing=doing)
        return PendingAcquisition(self, request)

    def release(self, names: Iterable[str] | None) -> None:
        """Give back the units of ``names`` that the job holds, or all."""
        self._host.portal.move(self._release, names)

    def _release(self, names: Iterable[str] | None) -> None:
        if self._record.is_in_attempt(self._attempt):  # else they are those of the next attempt
            self._host.desk.give_back(self._record, names)

    # -- for an acquisition

    def ask(self, request: ResourceRequest) -> bool:
        """Make a request; returns whether it was granted at once.

        Raises:
            StopJob: if the attempt is over.
            TooMuch, Deadlock: see :meth:`~jobactors.engine.attempt.host.Desk.request`.
        """
        return self._host.portal.move(self._ask, request)

    def _ask(self, request: ResourceRequest) -> bool:
        if not self._record.is_in_attempt(self._attempt):
            raise StopJob(_LEFT_OVER)
        return self._host.desk.request(request)

    def loan(self) -> SlotLoan:
        """Return the loan with which the job waits for a request."""
        return SlotLoan(self._host, self._record, self._attempt, self._control)

    def withdraw(self, request: ResourceRequest) -> None:
        """Take a request back, and what was granted to it."""
        self._host.portal.move(self._withdraw, request)

    def _withdraw(self, request: ResourceRequest) -> None:
        self._host.desk.withdraw(request)
        if request.taken is not None:
            taken, request.taken = request.taken, None
            self._release(taken)


class PendingAcquisition:
    """Resources on their way to a job: await it, call ``result()`` in a thread, or enter it.

    Entered (``with`` or ``async with``), it gives its units back at the end.
    """

    def __init__(self, broker: ResourceBroker, request: ResourceRequest) -> None:
        self._broker = broker
        self._request = request

    def __await__(self) -> Generator[Any, Any, Mapping[str, int]]:
        return self._wait().__await__()

    async def _wait(self) -> Mapping[str, int]:
        await PASSED  # a cancel point, though the units may be free
        if not self._broker.ask(self._request):
            try:
                async with self._broker.loan():
                    await self._request.granted
            except BaseException:
                self._give_up()
                raise
        return self._taken()

    def result(self, timeout: Seconds | None = None) -> Mapping[str, int]:
        """Block this thread until the resources are held; returns them with their units.

        Raises:
            TimeoutError: if they are not free within ``timeout`` seconds.
            WrongThread: in the loop's own thread, where it has to be awaited.
        """
        timeout = as_timeout(timeout)
        if self._broker.ask(self._request):
            return self._taken()
        loan = self._broker.loan()
        if loan.control.is_home:
            self._give_up()
            raise WrongThread("acquire(…).result()", "'await acquire(…)'")
        try:
            with loan:
                is_granted = loan.control.wait_in_thread(self._request.granted, timeout)
        except BaseException:
            self._give_up()
            raise
        if not is_granted:
            self._give_up()
            names = ", ".join(sorted(self._request.names))
            raise TimeoutError(f"{names} did not become free within {timeout} s")
        return self._taken()

    def _taken(self) -> Mapping[str, int]:
        if self._request.taken is None:
            raise StopJob(_LEFT_OVER)
        return dict(self._request.taken)

    def _give_up(self) -> None:
        self._broker.withdraw(self._request)

    def _give_back(self) -> None:
        if self._request.taken is not None:
            self._broker.withdraw(self._request)

    def __enter__(self) -> Mapping[str, int]:
        return self.result()

    def __exit__(self, *_: object) -> None:
        self._give_back()

    async def __aenter__(self) -> Mapping[str, int]:
        return await self

    async def __aexit__(self, *_: object) -> None:
        self._give_back()

    def __repr__(self) -> str:
        wanted = " or ".join(str(dict(needs)) for needs in self._request.units)
        return f"<PendingAcquisition of {wanted}>"
