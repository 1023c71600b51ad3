"""The ASGI application: guard, routes, page and streams of one job system."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast, final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from jobactors.model.errors import JobactorsError

from .event_stream import HEADERS as STREAM_HEADERS
from .event_stream import EventFeed, EventResponse
from .job_routes import JobRoutes, elsewhere, json_response
from .json_bodies import body_of, encode, encode_job, json_of, zipped
from .openapi import description
from .pages import bar, front_end, logged_in_page, login_page
from .problems import on_error, problem
from .security import HEADERS, PREFIX, Guard

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from jobactors.engine.api.jobs import Jobs
    from jobactors.model.batch_snapshot import BatchSnapshot
    from jobactors.model.snapshot import JobSnapshot

_LOOKS: Final = frozenset({"details", "log", "result"})
"""The messages of the page that command nothing."""
_COOKIE_LIFE: Final = 30 * 86400


def make_app(
    jobs: Jobs,
    token: str | None,
    *,
    read_only: bool = False,
    hosts: str | Iterable[str] | None = None,
) -> HttpFace:
    """Return the application; see :func:`jobactors.http.app`."""
    return HttpFace(jobs, Guard(token, hosts, read_only=read_only))


@final
class HttpFace:
    """Answers requests about one job system.

    Args:
        jobs: The job system.
        guard: Who is answered.
    """

    def __init__(self, jobs: Jobs, guard: Guard) -> None:
        self._jobs = jobs
        self.guard = guard
        self.events: EventFeed = EventFeed(jobs, _encoded, self._note)
        """The stream of changes for programs."""
        self._board: EventFeed | None = None
        self._routes = Starlette(
            routes=[
                *JobRoutes(jobs).routes(),
                Route("/", self._page),
                Route("/static/{name:path}", self._file),
                Route("/board/events", self._board_events),
                Route("/board/message", self._board_message, methods=["POST"]),
                Route("/events", self._events),
                Route("/bar", self._bar),
                Route("/login", self._login, methods=["GET", "POST"]),
                Route("/healthz", self._health),
                Route("/openapi.json", self._openapi),
            ],
            exception_handlers={HTTPException: on_error, Exception: on_error},
        )
        # It would name this server's own address, and not the one behind a proxy.
        self._routes.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, unless the guard refuses it."""
        if scope["type"] != "http":
            await self._routes(scope, receive, send)
            return
        guarded, path = _with_headers(send), _path_in(scope)
        request = Request(scope)
        refusal = self.guard.judge(request.method, path, request.headers, request.cookies)
        if refusal is None and path == "":  # the page's own links go on from the slash
            await RedirectResponse(f"{_prefix(request)}/")(scope, receive, guarded)
        elif refusal is None:
            await self._answer(scope, receive, guarded)
        elif refusal.status == 401 and "text/html" in request.headers.get("accept", ""):  # noqa: PLR2004
            await HTMLResponse(login_page(_prefix(request)), 401)(scope, receive, guarded)
        else:
            extra = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None  # noqa: PLR2004
            await problem(refusal.status, refusal.why, extra)(scope, receive, guarded)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._routes(scope, receive, noting)
        except Exception as exc:
            # Starlette raises an error again that its handler has answered; what is left is ours.
            if not has_begun:
                await (await on_error(Request(scope), exc))(scope, receive, send)

    # -- streams

    def _note(self) -> str:
        store = self._jobs.store
        if store is None:
            return ""
        lost = "another process owns these jobs now: nothing more is stored here"
        return lost if store.lost else store.trouble or store.offer or ""

    async def _events(self, request: Request) -> Any:
        return _stream(self.events, request)

    async def _board_events(self, request: Request) -> Any:
        page = front_end()
        if page is None:
            raise HTTPException(404, "no page is installed")
        if self._board is None:
            rows_of = page.encoder(self._jobs)

            def encoded(shown: Sequence[JobSnapshot | BatchSnapshot]) -> list[bytes]:
                return [encode(row) for row in rows_of(shown)]

            self._board = EventFeed(self._jobs, encoded, self._note, has_batches=True)
        return _stream(self._board, request)

    # -- pages

    async def _page(self, request: Request) -> Response:
        page = front_end()
        if page is None:
            html = await elsewhere(self._made_bar, _prefix(request))
            return HTMLResponse(html)
        return self._static("index.html")

    async def _file(self, request: Request) -> Response:
        return self._static(request.path_params["name"])

    def _static(self, name: str) -> Response:
        page = front_end()
        found = None if page is None else page.files().get(name)
        if found is None:
            raise HTTPException(404, "there is no such file")
        return Response(found[0], media_type=found[1])

    async def _board_message(self, request: Request) -> Response:
        page, message = front_end(), await json_of(request)
        if page is None:
            raise HTTPException(404, "no page is installed")
        looks = isinstance(message, dict) and cast("Any", message).get("kind") in _LOOKS
        if self.guard.read_only and not looks:
            raise HTTPException(403, "the jobs can only be looked at here")
        answer = await elsewhere(page.answer, self._jobs, message)
        return json_response(answer)

    async def _bar(self, request: Request) -> Response:
        return HTMLResponse(await elsewhere(self._made_bar, _prefix(request)))

    def _made_bar(self, prefix: str) -> str:
        return bar(self._jobs.list(), prefix, read_only=self.guard.read_only)

    # -- the rest

    async def _login(self, request: Request) -> Response:
        prefix = _prefix(request)
        if self.guard.token is None:
            return RedirectResponse(f"{prefix}/", 303)
        if request.method == "POST":
            body = (await body_of(request)).decode("utf-8", "replace")
            given = parse_qs(body, max_num_fields=10)
        else:
            given = {name: [value] for name, value in request.query_params.items()}
        token, code = given.get("token", [""])[0], given.get("code", [""])[0]
        if not (self.guard.is_token(token) or self.guard.use_code(code, time.time())):
            why = "That is not the token, or the link was used before." if given else ""
            return HTMLResponse(login_page(prefix, why), 401 if given else 200)
        answer = HTMLResponse(logged_in_page(prefix))
        answer.set_cookie(
            self.guard.cookie_name,
            self.guard.cookie,
            max_age=_COOKIE_LIFE,
            path=f"{prefix}/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    async def _health(self, request: Request) -> Response:
        del request
        try:
            self._jobs._system.parts.portal.check("answer")
        except JobactorsError as exc:
            return problem(503, str(exc))
        return json_response({"status": "ok"})

    async def _openapi(self, request: Request) -> Response:
        return zipped(request, await elsewhere(description, _prefix(request) or "/"))


def _stream(feed: EventFeed, request: Request) -> Any:
    if request.method == "HEAD":
        return Response(headers=dict(STREAM_HEADERS))
    if not feed.join():
        return problem(503, "there are too many streams: close one", {"Retry-After": "10"})
    last_id = request.headers.get("last-event-id") or request.query_params.get("last-event-id")
    return EventResponse(feed, last_id)


def _encoded(snapshots: Sequence[JobSnapshot]) -> list[bytes]:
    return [encode_job(one) for one in snapshots]


def _path_in(scope: Scope) -> str:
    """Return the path within the application, which may be mounted under a prefix."""
    path, root = cast("str", scope["path"]), cast("str", scope.get("root_path", ""))
    return path.removeprefix(root) if root else path


def _prefix(request: Request) -> str:
    """Return the path under which a browser finds the application, without a slash at its end."""
    forwarded = request.headers.get("x-forwarded-prefix", "").rstrip("/")
    if not PREFIX.fullmatch(forwarded):  # it would be another host, or more than a cookie's path
        forwarded = ""
    root = cast("str", request.scope.get("root_path", ""))
    return (forwarded + root).rstrip("/")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
