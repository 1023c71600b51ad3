"""The submits that came with an ``Idempotency-Key``: a repeated request makes no second job."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, final

from .json_bodies import BodyRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.api.job import Job

MOST_REMEMBERED: Final = 1_000
"""Keys that are known, the newest."""


@final
class RememberedSubmits:
    """The newest jobs that were submitted with a key.  Used by many threads at once.

    One that is being submitted is known already: its twin waits for the same job, and others do
    not wait for it, whose job type may have code of its own that takes its time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[bytes, Future[Job[Any]]]] = OrderedDict()
        """Digest and job by key; written under the lock."""

    def once(
        self, key: str, digest: bytes, submit: Callable[[], Job[Any]]
    ) -> tuple[Job[Any], bool]:
        """Submit a job, unless one was submitted with this key; return it and whether it is new.

        Args:
            key: The client's own name of the request.
            digest: That of the request's body.
            submit: Makes the job.

        Raises:
            BodyRefused: if the key came with another body before.
            Exception: what the submit raises, its twin's as well; the key is forgotten then.
        """
        mine: Future[Job[Any]] = Future()
        with self._lock:
            known = self._known.setdefault(key, (digest, mine))
            while len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        if known[0] != digest:
            raise BodyRefused(422, "this Idempotency-Key came with another body before")
        if known[1] is not mine:
            return known[1].result(), False
        try:
            job = submit()
        except BaseException as exc:
            with self._lock:
                if self._known.get(key) is known:
                    del self._known[key]
            mine.set_exception(exc)
            raise
        mine.set_result(job)
        return job, job.is_new
