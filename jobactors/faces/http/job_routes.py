"""The routes for jobs: list, look, submit, command.

A route reads its request in the server's loop.  What it does with the jobs it does in a worker
thread, since that may wait for the store or run a job type's own code, and in a context of its own:
a request is no part of the job that serves it.
"""

from __future__ import annotations

import contextvars
import hashlib
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, final
from urllib.parse import quote

import anyio
import anyio.to_thread
from msgspec.structs import asdict
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from jobactors.engine.api.outside_commands import perform, submit_by_name
from jobactors.inside.chain.chain import chain
from jobactors.model.error_text import ErrorText
from jobactors.model.errors import ChainInvalid
from jobactors.model.exact import NotExact, exact_json
from jobactors.model.job_type import job_types
from jobactors.model.options import UPDATABLE

from .json_bodies import BodyRefused, body_of, decoded, encode, encode_job, json_of
from .remembered_submits import RememberedSubmits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.requests import Request

    from jobactors.engine.api.job import Job
    from jobactors.engine.api.jobs import Jobs
    from jobactors.model.snapshot import JobSnapshot

_T = TypeVar("_T")
VERBS: Final = ("cancel", "pause", "resume", "restart", "fresh", "hold", "release", "discard")
"""Commands that are a POST to a path of their own."""
MOST_LISTED: Final = 1_000
LARGEST_RESULT: Final = 2**20
"""Bytes of a result that is sent; of a larger one only its type's name."""
CHANGEABLE: Final = UPDATABLE & {"name", "description", "tags", "metadata", "icon", "priority"}
_STATES: Final = "state"


async def elsewhere(function: Callable[..., _T], *args: Any) -> _T:
    """Call a function in a worker thread, in an empty context, and return what it returns.

    It may run code of a job type's own that never comes to its end: so no request waits for the
    thread of another one, and the end of the server for none.
    """
    context = contextvars.Context()
    return await anyio.to_thread.run_sync(
        partial(context.run, partial(function, *args)),
        abandon_on_cancel=True,
        limiter=anyio.CapacityLimiter(math.inf),
    )


def json_response(value: object, status: int = 200, **headers: str) -> Response:
    """Return a value as a JSON response."""
    return Response(encode(value), status, headers, "application/json")


def _route(path: str, **endpoints: Callable[[Request], Awaitable[Response]]) -> Route:
    """Return a route with an endpoint for each method; another method is told all of these."""

    async def answer(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, answer, methods=[*endpoints])


@final
class JobRoutes:
    """Answers what is asked about the jobs of one system, and what they are commanded.

    Args:
        jobs: The job system.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._submits = RememberedSubmits()

    def routes(self) -> list[Route]:
        """Return the routes, relative to the prefix of the application."""
        return [
            _route("/jobs", GET=self.listed, POST=self.submit),
            _route("/jobs/{id}", GET=self.show, PATCH=self.change, DELETE=self.delete),
            Route("/jobs/{id}/log", self.log, methods=["GET"]),
            *(
                Route(f"/jobs/{{id}}/{verb}", self.command, methods=["POST"], name=verb)
                for verb in VERBS
            ),
            Route("/history", self.history, methods=["GET"]),
            Route("/resumable", self.resumable, methods=["GET"]),
            Route("/types", self.types, methods=["GET"]),
            Route("/resources", self.resources, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
            Route("/schedules", self.schedules, methods=["GET"]),
            Route("/schedules/{name}/{verb}", self.command_schedule, methods=["POST"]),
            Route("/chains/check", self.check_chain, methods=["POST"]),
            Route("/chains", self.submit_chain, methods=["POST"]),
        ]

    # -- looking

    async def listed(self, request: Request) -> Response:
        """List jobs in the order of their submission, page by page."""
        asked = request.query_params
        limit = _number(asked.get("limit"), 100, MOST_LISTED)
        found = await elsewhere(self._found, asked.getlist(_STATES), dict(asked))
        page = found[:limit]
        more = page[-1].id if len(found) > limit and page else None
        rows = b",".join([encode_job(one) for one in page])
        return _raw(b'{"jobs":[%b],"next":%b}' % (rows, encode(more)))

    def _found(self, states: list[str], asked: Mapping[str, str]) -> list[JobSnapshot]:
        found = self._jobs.list(
            state=[part for text in states for part in text.split(",")] if states else None,
            type=asked.get("type"),
            subject=asked.get("subject"),
            tag=asked.get("tag"),
        )
        return found if asked.get("after") is None else self._behind(asked["after"], found)

    def _behind(self, after: str, found: list[JobSnapshot]) -> list[JobSnapshot]:
        """Return those that were submitted after a job, which may not match any more itself."""
        ids = [one.id for one in self._jobs.list()]
        if after not in ids:  # an empty page would say that there are no more
            raise BodyRefused(410, f"job {after[:100]!r} is listed no more: begin without after=")
        earlier = set(ids[: ids.index(after) + 1])
        return [one for one in found if one.id not in earlier]

    async def show(self, request: Request) -> Response:
        """Return all that is known about one job, with its result if JSON can hold that."""
        job = await elsewhere(self._jobs.get, request.path_params["id"])
        snapshot = job.snapshot()
        return json_response({**snapshot.to_dict(), **_ending_of(snapshot)})

    async def log(self, request: Request) -> Response:
        """Return the lines that a job has written, from one on."""
        first = _number(request.query_params.get("from"), 0, 2**53)
        job = await elsewhere(self._jobs.get, request.path_params["id"])
        lines = job.log_lines(first)[:MOST_LISTED]
        first = max(first, job.snapshot().log_cut)
        texts = [{"at": one.at, "source": one.source, "text": one.text} for one in lines]
        return json_response({"first": first, "next": first + len(texts), "lines": texts})

    async def history(self, request: Request) -> Response:
        """List ended jobs, those of earlier processes too, newest end first."""
        asked = request.query_params
        limit = _number(asked.get("limit"), 50, MOST_LISTED)
        call = partial(
            self._jobs.history,
            limit,
            max_age=None,
            type=asked.get("type"),
            subject=asked.get("subject"),
        )
        rows = b",".join([encode_job(one) for one in await elsewhere(call)])
        return _raw(b'{"jobs":[%b]}' % rows)

    async def resumable(self, request: Request) -> Response:
        """List the work that can go on."""
        del request
        work = await elsewhere(self._jobs.resumable)
        names = ("job_id", "type", "subject", "part", "name", "state", "fraction", "items", "at")
        more = ("has_checkpoint", "obstacle", "changed")
        rows = [{name: getattr(one, name) for name in (*names, *more)} for one in work]
        return json_response({"resumable": rows})

    async def types(self, request: Request) -> Response:
        """List the registered job types, each with the schema of its arguments."""
        del request
        return json_response({"types": await elsewhere(_described_types)})

    async def resources(self, request: Request) -> Response:
        """List the resources: how many units, who holds which for what."""
        del request
        states = await elsewhere(self._jobs.resources)
        return json_response({"resources": [_plain(state) for state in states]})

    async def metrics(self, request: Request) -> Response:
        """Return the metrics in the text format of Prometheus."""
        del request
        text = await elsewhere(lambda: self._jobs.metrics().prometheus())
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def schedules(self, request: Request) -> Response:
        """List the schedules, in the order in which they are due."""
        del request
        states = await elsewhere(lambda: [one.state() for one in self._jobs.schedules()])
        return json_response({"schedules": [asdict(state) for state in states]})

    # -- commanding

    async def command_schedule(self, request: Request) -> Response:
        """Pause a schedule, resume it, or run it once now."""
        name, verb = request.path_params["name"], request.path_params["verb"]
        await body_of(request)
        return json_response(await elsewhere(self._scheduled, name, verb), 202)

    def _scheduled(self, name: str, verb: str) -> dict[str, Any]:
        known = {one.name: one for one in self._jobs.schedules()}
        if name not in known:
            raise HTTPException(404, f"there is no schedule {name[:100]!r}")
        schedule = known[name]
        match verb:
            case "pause":
                schedule.pause("paused over HTTP")
            case "resume":
                schedule.resume()
            case "run":
                return {"job": schedule.run_now().to_dict(), **asdict(schedule.state())}
            case _:
                raise HTTPException(404, "a schedule takes pause, resume and run")
        return asdict(schedule.state())

    async def check_chain(self, request: Request) -> Response:
        """Say what is wrong with a chain; nothing is run."""
        document = await json_of(request)
        return json_response({"problems": await elsewhere(_problems_of, document)})

    async def submit_chain(self, request: Request) -> Response:
        """Submit a chain of registered job types, as the builder makes it."""
        document = await json_of(request)

        def submit() -> Job[Any]:
            return self._jobs.submit(chain.from_json(document))

        return _raw(encode_job((await elsewhere(submit)).snapshot()), 201)

    async def submit(self, request: Request) -> Response:
        """Submit a job by the name of its type."""
        told = _object(await json_of(request))
        if told is None or not {"type"} <= set(told) <= {"type", "arguments", "options"}:
            raise BodyRefused(
                422,
                'a submit is {"type": …, "arguments": {…}, "options": {…}}; only type is needed',
            )
        key = request.headers.get("idempotency-key")
        job, is_new = await elsewhere(self._submitted, told, key)
        place = f"jobs/{quote(job.id, safe='', errors='replace')}"
        return _raw(encode_job(job.snapshot()), 201 if is_new else 200, location=place)

    def _submitted(self, body: dict[str, Any], key: str | None) -> tuple[Job[Any], bool]:
        def submit() -> Job[Any]:
            return submit_by_name(
                self._jobs, body["type"], body.get("arguments"), body.get("options")
            )

        if key is not None and not key.strip():
            raise BodyRefused(422, "an Idempotency-Key is a text of the client's own, not empty")
        if key is None:
            job = submit()
            return job, job.is_new
        return self._submits.once(key, hashlib.sha256(encode(body)).digest(), submit)

    async def command(self, request: Request) -> Response:
        """Give one job a command; it is done when this answers, or asked for, as the job shows."""
        verb = request.url.path.rstrip("/").rpartition("/")[2]
        reason = await self._reason(request)
        job = await elsewhere(self._performed, verb, request.path_params["id"], reason)
        return _raw(encode_job(job.snapshot()), 202)

    def _performed(self, verb: str, job_id: str, reason: str | None) -> Job[Any]:
        if verb == "cancel" and self._jobs.get(job_id).state.is_terminal:
            raise HTTPException(404, f"job {job_id} has ended, and stays as it ended")
        return perform(self._jobs, verb, job_id, reason)

    async def _reason(self, request: Request) -> str | None:
        body = await body_of(request)
        if not body:
            return "cancelled over HTTP"
        told = _object(decoded(body))
        if told is None:
            raise BodyRefused(422, 'a command takes no body, or {"reason": "…"}')
        reason = told.get("reason")
        if reason is not None and not isinstance(reason, str):
            raise BodyRefused(422, "a reason is text")
        return reason

    async def change(self, request: Request) -> Response:
        """Change the priority, the name or other labels of a job."""
        changes = _object(await json_of(request))
        if changes is None or not set(changes) <= CHANGEABLE:
            raise BodyRefused(422, f"what can be changed is {', '.join(sorted(CHANGEABLE))}")
        job = await elsewhere(self._jobs.get, request.path_params["id"])
        snapshot = await elsewhere(partial(job.update, **changes))
        return _raw(encode_job(snapshot))

    async def delete(self, request: Request) -> Response:
        """Forget an ended job."""
        await elsewhere(perform, self._jobs, "delete", request.path_params["id"])
        return Response(status_code=204)


def _object(told: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", told) if isinstance(told, dict) else None


def _raw(body: bytes, status: int = 200, **headers: str) -> Response:
    return Response(body, status, headers, "application/json")


def _number(text: str | None, default: int, most: int) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal():
        raise BodyRefused(422, f"a whole number of at least 0, not {text[:100]!r}")
    return min(int(text[:20]), most)


def _ending_of(snapshot: JobSnapshot) -> dict[str, Any]:
    """Return the traceback and the result of a job that has ended; the result if JSON has it."""
    error, outcome = snapshot.error, snapshot.outcome
    traceback = error.traceback if isinstance(error, ErrorText) else ""
    if outcome is None:
        return {"traceback": traceback, "result": None, "result_type": None}
    kind = None if outcome.value is None else type(outcome.value).__name__
    try:
        text = exact_json(outcome.value)
        result = outcome.value if len(text) <= LARGEST_RESULT else None
    except (NotExact, RecursionError):
        result = None
    return {"traceback": traceback, "result": result, "result_type": kind}


def _problems_of(document: Any) -> list[dict[str, Any]]:
    """Return all problems of a chain, with the phase that each is about."""
    try:
        found: Sequence[Any] = chain.from_json(document).check()
    except ChainInvalid as exc:
        found = exc.problems
    return [{"phase": one.phase, "severity": str(one.severity), "text": one.text} for one in found]


def _described_types() -> list[dict[str, Any]]:
    return [
        {
            "name": kind.name,
            "title": kind.title,
            "description": kind.description,
            "category": kind.category,
            "icon": kind.icon,
            "schema": kind.schema(),
        }
        for kind in job_types().values()
    ]


def _plain(state: Any) -> dict[str, Any]:
    holders = [
        {"job": one.job_id, "units": one.units, "operation": one.operation} for one in state.holders
    ]
    return {
        "name": state.name,
        "capacity": state.capacity,
        "free": state.free,
        "holders": holders,
    }
