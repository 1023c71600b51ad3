"""Grants resources that running jobs request, in order; refuses a request that closes a circle.

A request may have alternatives, and each of those several resources: it has no one line to stand
in.  So it stands in the line of *every* resource it names, and leaves all of them at once.  Inside
a resource there is one line for each number of units, because a line is left alone while fewer
units are free than its requests need: of a thousand jobs that request a mutex only the first is
looked at when it comes back.  One list of all requests, gone through whenever anything changed, was
tried before: a thousand requests for a mutex took seconds.

Lines are ordered dictionaries: first come first served, any request can leave, and taking the first
does not walk over those that have left, as in a plain dictionary.

**Who writes what.**  Everything here is written in the loop's thread, by this object.  The job
queue reads the lines, since queued jobs go after running ones, and notes in
``freed`` which requested resources came back.  A request is in the wait graph for as long as it
stands in line.

**Cost**, with r requests waiting: ``add``, ``withdraw`` and ``waits_for`` O(1) beside the wait
graph's own; ``serve`` O(log r) for each request granted or looked at.  Looked at in vain are only
those that need several resources, one of which is free.
"""

from __future__ import annotations

import itertools
from heapq import merge
from typing import TYPE_CHECKING

from .request_lines import ResourceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .job_queue import JobQueue


class ResourceRequests:
    """The requests of running jobs, first come first served, before any queued job.

    A job that runs holds a slot and perhaps other resources; making it wait behind jobs that have
    not begun would hold up more than it helps.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._resources = queue.resources
        self._lines = queue.lines
        self._order = itertools.count()
        self.waiting: dict[ResourceRequest, None] = {}
        """The requests that wait, in the order in which they came."""

    def add(self, request: ResourceRequest) -> bool:
        """Grant a request at once, or let it wait; returns whether it was granted.

        Raises:
            TooMuch: if no alternative can ever be met.
            Deadlock: if the jobs that hold the units wait, in a circle, for this one.
        """
        for needs in request.units:
            self._resources.check(needs)
        if self._grant(request):
            return True
        self._queue.waits.begin(request)
        request.order = next(self._order)
        self.waiting[request] = None
        self._lines.add(request)
        self._queue.give_way(request.job_id)
        return False

    def withdraw(self, request: ResourceRequest) -> None:
        """Take a request back; one that waits no more is left alone."""
        if request in self.waiting:
            self._leave(request)

    def forget(self, job_id: str) -> None:
        """Take all requests of a job back, whose attempt has ended; waiters find nothing taken."""
        for wait in self._queue.waits.of(job_id):
            if isinstance(wait, ResourceRequest):
                self._leave(wait)
                wait.granted.set()  # a thread that the attempt has left behind

    def waits_for(self, name: str) -> bool:
        """Return whether any request waits for units of ``name``."""
        return name in self._lines

    def serve(self) -> None:
        """Grant, in order, the requests that can be met with the units that came back."""
        freed = list(self._queue.freed)
        if not freed:
            return
        self._queue.freed.clear()
        lines = [(name, units) for name in freed for units in self._lines.of(name)]
        candidates = merge(*(self._fitting(*line) for line in lines), key=_order_of)
        # Those granted leave afterwards: nothing may change a line that is being gone through.
        for request in [request for request in candidates if self._grant(request)]:
            self._leave(request)

    def _fitting(self, name: str, units: int) -> Iterator[ResourceRequest]:
        """Go through a line for as long as the units for its requests are free."""
        for request in self._lines.line(name, units):
            if units > self._resources.free(name):
                return
            yield request

    def _leave(self, request: ResourceRequest) -> None:
        del self.waiting[request]
        for name in self._lines.remove(request):
            self._queue.freed.pop(name, None)
        self._queue.waits.end(request)
        self._queue.look_again(request.names)

    def _grant(self, request: ResourceRequest) -> bool:
        if request.taken is not None:
            return False  # met already: it stands in several lines
        for needs in request.units:
            if self._resources.are_free(needs):
                self._resources.take(request.job_id, needs, request.doing)
                request.taken = needs
                request.granted.set()
                return True
        return False


def _order_of(request: ResourceRequest) -> int:
    return request.order
