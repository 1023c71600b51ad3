"""The jobs over HTTP, on a real socket: what is answered, and each attack that is not."""

from __future__ import annotations

import gzip
import json
import threading
import time
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import jobactors as ja
from jobactors.faces.http.security import Guard

from .http_client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .http_client import Answer

EVIL = "<script>alert(1)</script>\"'&\u2028\n\x00"


@ja.job("http add", label="Add", category="Sums")
def add(one: int, other: int = 1) -> int:
    """Add two numbers."""
    return one + other


_ADD = {"type": "http add", "arguments": {"one": 1}}


@ja.job("http fail")
def fail() -> None:
    """Fail."""
    raise ValueError(EVIL)


@ja.job("http secret", private={"password"})
def secret(password: str) -> int:
    """Take a secret."""
    return len(password)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[ja.Jobs, ja.JobsServer]]:
    """A job system and its server, for all tests here."""
    jobs = ja.start(display=None, unread_failures="ignore")
    with jobs.serve() as server:
        yield jobs, server
    ja.stop(0)


@pytest.fixture
def jobs(served: tuple[ja.Jobs, ja.JobsServer]) -> ja.Jobs:
    """The jobs."""
    return served[0]


@pytest.fixture
def client(served: tuple[ja.Jobs, ja.JobsServer]) -> Client:
    """A client with the token."""
    return Client(served[1].url, served[1].token)


@pytest.fixture
def stranger(served: tuple[ja.Jobs, ja.JobsServer]) -> Client:
    """A client without the token."""
    return Client(served[1].url)


def check_problem(answer: Answer, status: int, *words: str) -> dict[str, Any]:
    """A problem (RFC 9457) with this status, and these words in its sentence."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json
    assert told["status"] == status
    assert all(word in told["detail"] for word in words), told
    return told


# --- what is answered


def test_jobs_are_listed_filtered_and_paged(jobs: ja.Jobs, client: Client) -> None:
    """In the order of submission; `next` goes into `after`."""
    held = [jobs.options(hold=True, subject="pages", tags="a").submit(len, "x") for _ in range(3)]
    query = "/jobs?subject=pages&state=unfinished"
    assert [one["id"] for one in client.ask(query).json["jobs"]] == [one.id for one in held]
    first = client.ask(f"{query}&limit=2").json
    assert (len(first["jobs"]), first["next"]) == (2, held[1].id)
    rest = client.ask(f"{query}&limit=2&after={first['next']}").json
    assert ([one["id"] for one in rest["jobs"]], rest["next"]) == ([held[2].id], None)
    assert client.ask(f"{query}&tag=b").json["jobs"] == []
    held[1].cancel()  # it matches no more, and still stands where it stood
    assert client.ask(f"{query}&after={held[1].id}").json == {"jobs": rest["jobs"], "next": None}
    check_problem(client.ask(f"{query}&after=gone"), 410, "gone", "without after=")
    check_problem(client.ask("/jobs?state=asleep"), 422, "asleep", "states are")
    check_problem(client.ask("/jobs?limit=many"), 422, "whole number")
    for job in held:
        job.cancel()


def test_a_job_is_submitted_by_name_and_shown_with_its_result(
    jobs: ja.Jobs, client: Client
) -> None:
    """201 and its place; its result in JSON, its log line by line."""
    made = client.post("/jobs", {"type": "http add", "arguments": {"one": 4}})
    assert made.status == 201
    job = jobs.get(made.json["id"])
    assert made.headers["location"] == f"jobs/{job.id.replace(' ', '%20')}"
    assert job.result(60) == 5
    shown = client.ask(f"/jobs/{job.id.replace(' ', '%20')}").json
    assert (shown["state"], shown["result"], shown["result_type"]) == ("succeeded", 5, "int")


def test_a_repeated_submit_with_its_key_makes_no_second_job(jobs: ja.Jobs, client: Client) -> None:
    """Also when the first has ended; the same key with another body is a mistake."""
    body = {"type": "http add", "arguments": {"one": 1}}
    first = client.post("/jobs", body, Idempotency_Key="k1")
    jobs.get(first.json["id"]).result(60)
    second = client.post("/jobs", body, Idempotency_Key="k1")
    assert (first.status, second.status) == (201, 200)
    assert first.json["id"] == second.json["id"]
    other = {"type": "http add", "arguments": {"one": 2}}
    check_problem(client.post("/jobs", other, Idempotency_Key="k1"), 422, "another body")
    check_problem(client.post("/jobs", other, Idempotency_Key=" "), 422, "not empty")


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"type": "http add", "arguments": {"one": "x", "two": 1}}, 422, "one"),
        ({"type": "nothing"}, 422, "no job type 'nothing'"),
        ({"type": "http add", "arguments": [1]}, 422, "object"),
        ({"type": ["http add"]}, 422, "text"),
        ({"arguments": {}}, 422, "type"),
        ({"type": "http add", "x": 1}, 422, "only type"),
        ([], 422, "only type"),
        ({**_ADD, "options": {"runner": "process"}}, 422, "unknown option"),
        ({**_ADD, "options": {"priority": "urgent"}}, 422, "priority"),
        (b"{", 400, "no JSON"),
        (b"\xff\xfe", 400, "no JSON"),
        (b"[" * 100_000, 400, "no JSON"),
        (b'"' + b"x" * 2**20 + b'"', 413, "at most"),
    ],
)
def test_a_submit_that_makes_no_sense_has_its_reason(
    client: Client, body: object, status: int, why: str
) -> None:
    """Nothing is submitted; all that is wrong with the arguments is listed."""
    before = len(client.ask("/jobs?limit=1000").json["jobs"])
    told = check_problem(client.post("/jobs", body), status, why)
    if told.get("error") == "ArgumentsInvalid":
        assert {one["path"] for one in told["problems"]} == {"one", "two"}
    assert len(client.ask("/jobs?limit=1000").json["jobs"]) == before


def test_another_kind_of_body_is_refused(client: Client) -> None:
    """A form of another site can send text/plain without asking first."""
    answer = client.post("/jobs", b"{}", Content_Type="text/plain")
    check_problem(answer, 415, "application/json")


def test_every_verb_is_a_request_of_its_own(jobs: ja.Jobs, client: Client) -> None:
    """202 and the job as it is then; what its state does not allow is 409, with the cure."""
    job = jobs.options(hold=True, name="verbs").submit(len, "x")
    assert client.post(f"/jobs/{job.id}/release").status == 202
    job.result(60)
    check_problem(client.post(f"/jobs/{job.id}/pause"), 409, "succeeded")
    again = client.post(f"/jobs/{job.id}/restart")
    assert (again.status, again.json["continues"]) == (202, job.id)
    assert jobs.get(again.json["id"]).result(60) == 1
    held = jobs.options(hold=True).submit(len, "x")
    assert client.ask(f"/jobs/{held.id}", "PATCH", {"priority": "high"}).json["priority"] == 10
    check_problem(client.ask(f"/jobs/{held.id}", "PATCH", {"timeout": 1}), 422, "priority")
    check_problem(client.ask(f"/jobs/{held.id}", "DELETE"), 409, "cancel it first")
    told = client.post(f"/jobs/{held.id}/cancel", {"reason": "enough"}).json
    assert (told["state"], told["reason"]) == ("cancelled", "enough")
    # A cancel answers 404 for a job that has ended, and for one that there is not.
    check_problem(client.post(f"/jobs/{held.id}/cancel"), 404, "has ended")
    check_problem(client.post("/jobs/none/cancel"), 404, "no job 'none'")
    assert client.ask(f"/jobs/{held.id}", "DELETE").status == 204
    check_problem(client.ask(f"/jobs/{held.id}"), 404)
    check_problem(client.post(f"/jobs/{job.id}/explode"), 404)


def test_the_rest_can_be_looked_at(jobs: ja.Jobs, client: Client) -> None:
    """Types with their schemas, resources with their holders, the history."""
    kinds = {one["name"]: one for one in client.ask("/types").json["types"]}
    jsonschema.validate({"one": 3}, kinds["http add"]["schema"])
    assert kinds["http add"]["category"] == "Sums"
    may_end = threading.Event()
    started = jobs.options(resources="gpu").submit(may_end.wait)
    while started.state is not ja.JobState.RUNNING:
        time.sleep(0.01)
    (gpu,) = [one for one in client.ask("/resources").json["resources"] if one["name"] == "gpu"]
    assert (gpu["free"], gpu["holders"][0]["job"]) == (0, started.id)
    may_end.set()
    assert isinstance(client.ask("/resumable").json["resumable"], list)
    assert client.ask("/history?limit=1").json["jobs"]
    assert client.ask("/healthz").json == {"status": "ok"}


def test_the_description_is_valid_and_tells_the_truth(client: Client) -> None:
    """OpenAPI 3.1 that a validator takes; every path in it is answered."""
    from openapi_spec_validator import validate  # takes seconds

    zipped = client.ask("/openapi.json", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert zipped.headers["content-encoding"] == "gzip"
    document = json.loads(gzip.decompress(zipped.body))
    for refused in ("gzip;q=0", "br", "*"):
        plain = client.ask("/openapi.json", headers={"Accept-Encoding": refused})
        assert ("content-encoding" in plain.headers, plain.json) == (False, document)
    validate(document)
    job = document["components"]["schemas"]["Job"]
    for one in client.ask("/jobs?limit=1000").json["jobs"]:
        jsonschema.validate(one, job)
    for path, operations in document["paths"].items():
        if "get" in operations and "{" not in path and path != "/events":
            assert client.ask(path).status == 200, path


@pytest.mark.parametrize(
    ("method", "path", "bodies"),
    [
        (
            *("post", "/jobs"),
            [
                _ADD,
                {**_ADD, "arguments": []},
                {**_ADD, "more": 1},
                {**_ADD, "options": None},
                {**_ADD, "options": {"priority": "high", "tags": "a", "retry": {"max": 2}}},
                {**_ADD, "options": {"priority": None}},
                {**_ADD, "options": {"retry": {"on": "Exception"}}},
                {**_ADD, "options": {"timeout": -1}},
                {**_ADD, "options": {"hold": 1}},
                {**_ADD, "options": {"on_busy": "queue"}},
                {**_ADD, "options": {"resources": {"gpu": 1}, "key": 7, "start_at": None}},
            ],
        ),
        (
            *("patch", "/jobs/{id}"),
            [{"priority": 3, "tags": ["a", "b"]}, {"priority": "urgent"}, {"subject": "x"}],
        ),
        ("post", "/jobs/{id}/hold", [{}, {"reason": None}, {"reason": 1}, []]),
        (
            *("post", "/chains/check"),
            [
                {"phases": [{"type": "http add", "arguments": {"one": 1}, "weight": 2}]},
                {},
                {"phases": [{"name": "x"}]},
                {"phases": [], "options": {"runner": "process"}},
                {"phases": [], "version": 2},
            ],
        ),
    ],
)
def test_the_description_tells_which_bodies_are_taken(
    jobs: ja.Jobs, client: Client, method: str, path: str, bodies: list[Any]
) -> None:
    """What its schema refuses is refused, and what it takes is taken."""
    described = client.ask("/openapi.json").json["paths"][path][method]
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    held = jobs.options(hold=True).submit(len, "x")
    for body in bodies:
        answer = client.ask(path.replace("{id}", held.id), method.upper(), body)
        fits = jsonschema.Draft202012Validator(schema).is_valid(body)
        assert (answer.status < 400) == fits, (body, answer.body)
    held.cancel()


def test_methods_are_as_http_has_them(client: Client) -> None:
    """HEAD has no body, a method that is not there is 405 with those that are."""
    head = client.ask("/jobs", "HEAD")
    assert (head.status, head.body) == (200, b"")
    told = client.ask("/jobs", "PUT", {})
    check_problem(told, 405)
    assert set(told.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert client.ask("/jobs", "OPTIONS").status == 405
    check_problem(client.ask("/nothing"), 404)
    check_problem(client.ask("/jobs/"), 404)  # a redirect would name an address behind the proxy
    stream = client.ask("/events", "HEAD")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert (stream.status, stream.body) == (200, b"")


# --- attacks


def test_a_page_that_has_bent_its_name_to_this_address_sees_nothing(client: Client) -> None:
    """DNS rebinding: it sends its own name as Host, whatever else it knows."""
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "[::1"):
        check_problem(client.ask("/jobs", headers={"Host": host}), 421, "host")
    assert client.ask("/jobs", headers={"Host": f"localhost:{client.port}"}).status == 200


def test_nothing_is_told_without_the_token(stranger: Client) -> None:
    """Neither jobs nor files, nor whether a job exists; `/healthz` alone answers."""
    for path in ("/jobs", "/jobs/x", "/events", "/bar", "/", "/static/view.js", "/openapi.json"):
        told = stranger.ask(path)
        check_problem(told, 401, "token")
        assert told.headers["www-authenticate"] == "Bearer"
    for wrong in ("", "Bearer", "Bearer x", "Basic eDp4", f"Bearer {'é' * 10}"):
        assert stranger.ask("/jobs", headers={"Authorization": wrong}).status == 401
    assert stranger.ask("/healthz").json == {"status": "ok"}


def logged_in(client: Client, url: str) -> str:
    """Follow a login link; return the cookie."""
    answer = client.ask(url.split(client.netloc, 1)[1])
    assert answer.status == 200
    assert "code=" not in answer.body.decode()
    assert '<link rel="icon" href="data:,">' in answer.body.decode()  # or it asks for /favicon.ico
    told = answer.headers["set-cookie"]
    assert "HttpOnly" in told
    assert "samesite=strict" in told.lower()
    return told.partition(";")[0]


def test_a_login_link_works_once_and_leaves_a_cookie(
    served: tuple[ja.Jobs, ja.JobsServer], stranger: Client
) -> None:
    """The cookie is no token, and the link in a saved notebook is worth nothing."""
    link = served[1].login_url
    cookie = logged_in(stranger, link)
    assert str(served[1].token) not in cookie
    assert stranger.ask("/jobs", headers={"Cookie": cookie}).status == 200
    assert stranger.ask(link.split(stranger.netloc, 1)[1]).status == 401
    assert stranger.ask("/login?token=wrong-wrong-wrong-wrong").status == 401
    form = f"token={served[1].token}".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    assert stranger.ask("/login", "POST", form, kind).status == 200
    assert (
        stranger.ask("/login", "POST", form, {**kind, "Sec-Fetch-Site": "cross-site"}).status == 403
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({"Origin": "http://{netloc}"}, 404),
    ],
)
def test_another_page_cannot_command_with_the_users_cookie(
    served: tuple[ja.Jobs, ja.JobsServer], stranger: Client, headers: dict[str, str], status: int
) -> None:
    """Cross-site requests carry the cookie where a browser is old or the site is a neighbour."""
    given = {name: text.format(netloc=stranger.netloc) for name, text in headers.items()}
    given["Cookie"] = logged_in(stranger, served[1].login_url)
    check_problem(stranger.ask("/jobs/none/cancel", "POST", {}, given), status)


def test_no_other_site_may_read_or_frame_anything(client: Client) -> None:
    """No CORS, a strict policy for the page's own content, nothing cached."""
    answer = client.ask("/", headers={"Origin": "http://evil.example", "Accept": "text/html"})
    assert "access-control-allow-origin" not in answer.headers
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


class _Elements(HTMLParser):
    """Collects the elements of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_a_job_says_is_text_in_the_bar(jobs: ja.Jobs, client: Client) -> None:
    """Names and messages of jobs are escaped; each row has an id and a role for screen readers."""
    job = jobs.options(hold=True, name=EVIL, icon="<b>").submit(len, "x")
    page = _Elements()
    page.feed(client.ask("/bar").body.decode())
    assert {tag for tag, _ in page.tags} == {"ul", "li", "span", "progress", "button"}
    assert "<script>alert(1)</script>" in page.text
    ids = [attributes.get("id") for _, attributes in page.tags]
    assert f"job-{job.id}" in ids
    lists = [attributes for tag, attributes in page.tags if tag == "ul"]
    assert (lists[0]["role"], lists[0]["aria-label"]) == ("list", "Jobs")
    assert any(attributes.get("role") == "status" for _, attributes in page.tags)
    (button,) = [
        attributes
        for tag, attributes in page.tags
        if tag == "button" and job.id in (attributes.get("hx-post") or "")
    ]
    assert client.post(str(button["hx-post"])).status == 202


def test_hostile_texts_stay_in_their_strings(jobs: ja.Jobs, client: Client) -> None:
    """A lone surrogate, control characters, endless numbers: JSON that every parser takes."""
    job = jobs.options(name=f"{EVIL}\ud800", metadata={"x": float("nan"), "y": object()}).submit(
        fail
    )
    job.exception(60)
    shown = client.ask(f"/jobs/{job.id.replace(' ', '%20')}")
    assert shown.json["name"].startswith("<script>")
    assert "alert(1)" in shown.json["traceback"]
    client.ask("/jobs").json  # noqa: B018 - it can be parsed
    page = client.ask("/bar").body.decode()
    assert "<script>" not in page


def test_private_arguments_never_leave(jobs: ja.Jobs, client: Client) -> None:
    """Neither in a job, nor in an error about them."""
    made = client.post("/jobs", {"type": "http secret", "arguments": {"password": "hunter2!"}})
    job = jobs.get(made.json["id"])
    job.result(60)
    where = f"/jobs/{job.id.replace(' ', '%20')}"
    for path in (where, f"{where}/log", "/jobs", "/history", "/bar"):
        assert b"hunter2" not in client.ask(path).body
    wrong = client.post("/jobs", {"type": "http secret", "arguments": {"password": ["hunter2!"]}})
    assert b"hunter2" not in wrong.body
    check_problem(wrong, 422)


def test_files_beside_the_page_cannot_be_read(client: Client) -> None:
    """Only those of the front end, by their own names."""
    for path in ("/static/../web_page.py", "/static/%2e%2e%2fwire.py", "/static/nothing.js"):
        check_problem(client.ask(path), 404)
    for path in ("/static/view.js", "/static/builder/new_job.js"):
        assert client.ask(path).headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("token", ["short", "", "é" * 40])
def test_a_token_that_could_be_guessed_is_refused(token: str) -> None:
    """At the start, not at the first request."""
    with pytest.raises(ValueError, match="at least 16"):
        Guard(token)
    with pytest.raises(TypeError, match="text"):
        Guard(17)  # type: ignore[arg-type]


def test_a_code_is_old_after_ten_minutes_and_there_are_not_many() -> None:
    """Links that are printed again and again take no memory."""
    guard = Guard("x" * 32)
    first = guard.make_code(0.0)
    assert not guard.use_code(first, 600.0)
    codes = [guard.make_code(1_000.0) for _ in range(40)]
    assert not guard.use_code(codes[0], 1_000.0)
    assert guard.use_code(codes[-1], 1_000.0)
    assert not guard.use_code(codes[-1], 1_000.0)


def test_the_board_asks_and_commands_by_the_same_requests(jobs: ja.Jobs, client: Client) -> None:
    """Details, log and results of the page; what makes no sense is an answer, too."""
    job = jobs.options(name="asked").submit(len, "abc")
    job.result(60)
    asked = {"kind": "details", "id": job.id}
    assert client.post("/board/message", asked).json["type"] == "len"
    assert client.post("/board/message", {"kind": "result", "id": job.id}).json["text"] == "3"
    assert client.post("/board/message", {"kind": "log", "id": job.id}).json["lines"] == []
    told = client.post("/board/message", {"kind": "act", "verb": "pause", "id": job.id}).json
    assert (told["ok"], told["id"]) == (False, job.id)
    messages: list[object] = [
        {"kind": "act"},
        {},
        [],
        {"kind": "act", "verb": ["x"], "id": 1},
        "x",
        None,
    ]
    for odd in messages:
        told = client.ask("/board/message", "POST", json.dumps(odd).encode()).json
        assert told["ok"] is False
    many = {"kind": "act", "verb": "dismiss", "ids": [job.id, "none"]}
    assert client.post("/board/message", many).json["why"].startswith("1 of 2 could not")


def test_chains_schedules_and_metrics_have_routes(jobs: ja.Jobs, client: Client) -> None:
    """A chain is checked or run as a document; a schedule is commanded; metrics are Prometheus'."""
    document = {"phases": [{"type": "http add", "arguments": {"one": 1}}]}
    assert client.post("/chains/check", document).json == {"problems": []}
    wrong = {"phases": [{"type": "http add", "arguments": {"one": "x"}}]}
    (problem,) = client.post("/chains/check", wrong).json["problems"]
    assert (problem["severity"], problem["phase"]) == ("error", "http add")
    check_problem(client.post("/chains/check", []), 422)
    made = client.post("/chains", document)
    assert made.status == 201
    assert jobs.get(made.json["id"]).result(60).success
    check_problem(client.post("/chains", wrong), 422, "one")

    jobs.schedule("http nightly", ja.every(hours=5)).submit("http add", {"one": 1})
    path = "/schedules/http%20nightly"
    assert client.post(f"{path}/pause").json["standing"] == "paused"
    (listed,) = client.ask("/schedules").json["schedules"]
    assert (listed["name"], listed["standing"]) == ("http nightly", "paused")
    assert client.post(f"{path}/resume").json["standing"] == "active"
    ran = client.post(f"{path}/run").json["job"]["id"]
    assert jobs.get(ran).result(60) == 2
    check_problem(client.post("/schedules/none/pause"), 404)
    check_problem(client.post(f"{path}/explode"), 404)

    metrics = client.ask("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b'jobactors_jobs_total{type="http add",state="succeeded"}' in metrics.body
    assert b"jobactors_running 0\n" in metrics.body  # the server that answers does no work itself
