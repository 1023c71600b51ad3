"""The stream of changes, and the life of the server that sends it."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
import trio

import jobactors as ja
from jobactors.faces.http import connections, event_stream, json_bodies
from jobactors.faces.http import server as http_server
from jobactors.faces.http.event_stream import EventFeed
from jobactors.faces.http.json_bodies import encode_job

from .http_client import PATIENCE, Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .http_client import Answer


@pytest.fixture
def jobs() -> Iterator[ja.Jobs]:
    """A job system beside the test."""
    yield ja.start(display=None, unread_failures="ignore")
    ja.stop(0)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until something is so, for as long as a slow machine needs."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


class Counting:
    """A job that reports what a test tells it."""

    def __init__(self, jobs: ja.Jobs, name: str = "counting", total: int = 100) -> None:
        self._total = total
        self._may_go_on = threading.Semaphore(0)
        self._left = 0
        self.job = jobs.options(name=name).submit(self._work)

    def _work(self) -> None:
        done = 0
        while done < self._total:
            self._may_go_on.acquire()
            done += 1
            ja.progress(done, self._total)

    def step(self, times: int = 1) -> None:
        """Report once more, so many times."""
        for _ in range(times):
            self._may_go_on.release()

    def end(self) -> None:
        """End it."""
        self.step(self._total)
        self.job.wait().result(PATIENCE)


def test_a_stream_begins_with_the_whole_state_and_has_every_end(jobs: ja.Jobs) -> None:
    """No gap and no double: folding the deltas gives the present list."""
    before = jobs.submit(len, "a")
    before.result(PATIENCE)
    with jobs.serve() as server, Client(server.url, server.token).stream() as stream:
        events = stream.events()
        kind, data = next(events)
        assert kind == "state"
        known = {one["id"]: one for one in data["jobs"]}
        assert before.id in known
        later = [jobs.options(name=f"l{n}\u2028\r\n").submit(len, "a") for n in range(20)]
        removed = before.delete().id
        while removed in known or any(
            known.get(one.id, {}).get("state") != "succeeded" for one in later
        ):
            kind, data = next(events)
            assert kind == "jobs"
            known |= {one["id"]: one for one in data["jobs"]}
            for gone in data["removed"]:
                del known[gone]
        assert known[later[0].id]["name"] == "l0\u2028\r\n"
        assert set(known) == {one.id for one in jobs.list()}


def test_who_comes_back_is_sent_only_what_it_missed(jobs: ja.Jobs) -> None:
    """Within the epoch; an id of another server, or none at all, is answered with everything."""
    work = Counting(jobs)
    with jobs.serve() as server:
        client = Client(server.url, server.token)
        with client.stream() as stream:
            next(stream.events())
            last = stream.last_id
        work.step()
        extra = jobs.options(hold=True, name="new").submit(len, "a")
        with client.stream(headers={"Last-Event-ID": last}) as stream:
            seen: set[str] = set()
            for kind, data in stream.events():
                assert kind == "jobs"
                seen |= {one["id"] for one in data["jobs"]}
                if extra.id in seen:
                    break
            assert server.job.id not in seen
        odd = ("", "0", f"{last}x", f"other-{last}", f"{last[:-1]}9999", "é", "-", "9" * 5000)
        for other in odd:
            given = {"Last-Event-ID": other.encode().decode("latin-1")}
            with client.stream(headers=given) as stream:
                assert next(stream.events())[0] == "state", other
        work.end()
        extra.cancel()


def test_a_new_server_is_a_new_epoch(jobs: ja.Jobs) -> None:
    """The number of an old frame is never taken for one of its own."""
    ids = []
    for _ in range(2):
        with jobs.serve() as server, Client(server.url, server.token).stream() as stream:
            next(stream.events())
            ids.append(stream.last_id)
    assert ids[0] != ids[1]


def test_a_client_that_is_gone_is_forgotten_at_once(jobs: ja.Jobs) -> None:
    """On an idle stream, too, where nothing is sent that would fail."""
    with jobs.serve() as server:
        feed = feed_of(server)
        stream = Client(server.url, server.token).stream()
        next(stream.events())
        assert feed.clients == 1
        stream.close()
        wait_until(lambda: feed.clients == 0)


def feed_of(server: ja.JobsServer) -> EventFeed:
    """The feed of a server's streams."""
    face = server.job._record.args[0]
    feed: EventFeed = face.events
    return feed


def test_an_idle_stream_says_that_it_lives(jobs: ja.Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a proxy ends it; nothing else is sent."""
    monkeypatch.setattr(event_stream, "BEAT_SECONDS", 0.05)
    with jobs.serve() as server, Client(server.url, server.token).stream() as stream:
        blocks = stream.blocks()
        assert next(blocks) == b"retry: 2000"
        assert next(blocks).startswith(b"event: state")
        while next(blocks) != b": beat":
            pass  # the server's own start
        assert next(blocks) == b": beat"


def test_a_client_that_reads_nothing_holds_up_no_other(jobs: ja.Jobs) -> None:
    """It is not queued for: when it reads again, it gets what has changed, once."""
    many = [jobs.options(hold=True, name="x" * 500).submit(len, "a") for _ in range(300)]
    with jobs.serve() as server:
        client = Client(server.url, server.token)
        slow = client.connect()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(client.head("GET", "/events", {}, None))
        with client.stream() as stream:
            events = stream.events()
            next(events)
            for number in range(20):
                many[number].cancel()
                while many[number].id not in {one["id"] for one in next(events)[1]["jobs"]}:
                    pass
        assert client.ask("/healthz").status == 200
        slow.close()
        wait_until(lambda: feed_of(server).clients == 0)
    for job in many:
        job.cancel()


def silent_client(client: Client, feed: EventFeed) -> socket.socket:
    """A client of a stream that is connected, and takes nothing."""
    silent = client.connect()
    silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    silent.sendall(client.head("GET", "/events", {}, None))
    wait_until(lambda: feed.clients)
    return silent


def large_jobs(jobs: ja.Jobs) -> list[ja.Job[object]]:
    """Some jobs whose texts fill the buffers of a connection after a few frames."""
    return [jobs.options(hold=True).submit(print) for _ in range(40)]


def change(jobs: list[ja.Job[object]], number: int) -> None:
    """Change all of these, and let a frame be made."""
    for job in jobs:
        job.update(description=f"{number}" * 20_000)
    time.sleep(event_stream.FRAME_SECONDS)


def test_a_client_that_takes_nothing_for_a_minute_is_cut_off(
    jobs: ja.Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection may be open at this end alone; here the minute is a tenth of a second."""
    monkeypatch.setattr(event_stream, "BLOCKED_SECONDS", 0.1)
    large = large_jobs(jobs)
    with jobs.serve() as server:
        client, feed = Client(server.url, server.token), feed_of(server)
        with silent_client(client, feed):
            number, give_up = 0, time.monotonic() + PATIENCE
            while feed.clients and time.monotonic() < give_up:
                number += 1
                change(large, number)
            assert feed.clients == 0
        monkeypatch.undo()  # one that reads has the minute, also on a slow machine
        with client.stream() as stream:
            assert next(stream.events())[0] == "state"
    jobs.select(state="queued").cancel()


def test_there_are_not_more_streams_than_there_is_room_for(
    jobs: ja.Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 and when to try again; one that ends makes room."""
    monkeypatch.setattr(event_stream, "MOST_STREAMS", 2)
    with jobs.serve() as server:
        client = Client(server.url, server.token)
        streams = [client.stream() for _ in range(2)]
        for stream in streams:
            next(stream.events())
        told = client.ask("/events")
        assert (told.status, told.headers["retry-after"]) == (503, "10")
        streams[0].close()
        wait_until(lambda: feed_of(server).clients < 2)
        with client.stream() as stream:
            next(stream.events())
        streams[1].close()


def test_a_server_ends_at_once_with_a_hundred_open_streams(
    jobs: ja.Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelling its job closes the address and every connection."""
    monkeypatch.setattr(event_stream, "MOST_STREAMS", 200)
    server = jobs.serve()
    client = Client(server.url, server.token)
    streams = [client.stream() for _ in range(100)]
    for stream in streams:
        next(stream.events())
    server.close()
    assert server.job.wait().result(PATIENCE).state is ja.JobState.CANCELLED
    for stream in streams:
        while stream.connection.recv(2**20):
            pass  # what was under way; then it is closed
        stream.close()
    with pytest.raises(ConnectionRefusedError):
        client.connect()


def test_a_server_ends_while_a_client_takes_nothing(jobs: ja.Jobs) -> None:
    """Its write is under way, and would be for a minute: it is broken off."""
    large, server = large_jobs(jobs), jobs.serve()
    with silent_client(Client(server.url, server.token), feed_of(server)):
        for number in range(10):
            change(large, number)
        server.close()
        ended = server.job.wait().result(PATIENCE)
        assert (ended.state, ended.stuck) == (ja.JobState.CANCELLED, False)
    jobs.select(state="queued").cancel()


def test_frames_are_merged_for_a_client_that_lags() -> None:
    """A feed with a client that has missed some frames, without any network."""

    async def main() -> None:
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            feed = EventFeed(jobs, lambda found: [encode_job(one) for one in found], lambda: "")
            assert feed.join()
            await feed.wait_ready()
            number, state = feed.first(None)
            assert b'"jobs":[]' in state
            frame, merged = number, b""
            for _ in range(3):
                job = jobs.submit(len, "a")
                await job
                ended = f'"id":"{job.id}"'.encode()
                while not (
                    ended in merged and merged.count(b'"succeeded"') == merged.count(b'"id"')
                ):
                    latch = feed.since(frame)[2]
                    assert latch is not None
                    await latch
                    frame, merged, _ = feed.since(number)
            assert frame > number + 1
            assert merged.count(b"event: ") == 1
            assert merged.count(b'"id":') == 3
            assert feed.since(frame)[1] == b""
            feed.leave()

    trio.run(main)


def test_an_application_answers_on_asyncio_and_under_a_prefix(jobs: ja.Jobs) -> None:
    """The jobs' loop is another one: only calls that any thread may make are used."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    face = ja.http.app(jobs, hosts="*")
    whole = Starlette(routes=[Mount("/work", app=face)])
    job = jobs.submit(len, "abc")
    job.result(PATIENCE)

    async def main() -> None:
        listed = await asked(whole, "/work/jobs")
        assert [one["id"] for one in listed["jobs"]] == [job.id]
        page = await asked(whole, "/work/bar", parsed=False)
        assert 'hx-get="/work/bar"' in page
        stream = await asked(whole, "/work/events", parsed=False)
        assert stream.startswith("retry: 2000\n\nevent: state\n")

    anyio.run(main, backend="asyncio")


async def asked(app: Any, path: str, *, parsed: bool = True) -> Any:
    """Call an ASGI application; of a stream, read the first part, and hang up."""
    import json

    body, got = bytearray(), anyio.Event()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"any.example")],
        "server": ("any.example", 80),
        "client": ("127.0.0.1", 1),
    }
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await got.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            body.extend(message["body"])
            got.set()

    await app(scope, receive, send)
    return json.loads(body) if parsed else body.decode()


def test_a_server_is_a_job_that_takes_no_slot(jobs: ja.Jobs) -> None:
    """Its row says where; `ja.stop` and the end of a block do not wait for it."""
    server = jobs.serve()
    wait_until(lambda: server.job.snapshot().progress.message == server.url)
    assert server.job.snapshot().runner == "server"
    assert repr(server).startswith("<JobsServer http://127.0.0.1:")
    assert 'href="http://127.0.0.1:' in server._repr_html_()
    assert str(server.token) not in server._repr_html_()
    fours = [Counting(jobs, f"c{n}") for n in range(4)]  # all slots there are
    wait_until(lambda: all(one.job.state is ja.JobState.RUNNING for one in fours))
    for one in fours:
        one.end()
    server.close()
    wait_until(lambda: server.job.state.is_terminal)
    assert "href" not in server._repr_html_()
    assert "http_server" not in {row.of for row in jobs.metrics()}  # it has done no work itself


def test_a_block_ends_its_server_with_its_last_job(tmp_path: Path) -> None:
    """A server has no work to go on with: it is cancelled, and nothing rests in the store."""

    async def main() -> tuple[ja.JobState, int]:
        async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
            server = jobs.serve()
            job = jobs.submit(len, "abc")
        assert job.state is ja.JobState.SUCCEEDED
        async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
            return server.job.state, len(jobs.resumable())

    assert trio.run(main) == (ja.JobState.CANCELLED, 0)


def test_the_server_of_a_process_that_was_killed_does_not_rest_for_ever(tmp_path: Path) -> None:
    """The next one discards it."""
    import subprocess
    import sys

    store = str(tmp_path / "jobs.db")
    program = (
        f"import os, time, jobactors as ja; jobs = ja.start(store={store!r}, display=None)\n"
        "job = jobs.serve().job\n"
        "while not job.snapshot().progress.message: time.sleep(0.01)\n"
        "job.stored().result(); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False, timeout=120)
    jobs = ja.start(store=store, display=None)
    try:
        assert len(jobs.resumable()) == 1
        with jobs.serve():
            assert jobs.resumable() == []
    finally:
        ja.stop(0)


def test_two_servers_of_one_system_know_nothing_of_each_other(jobs: ja.Jobs) -> None:
    """Each has its own token; a port that is taken is refused with the cure."""
    with jobs.serve() as first, jobs.serve(token="t" * 32) as second:
        assert Client(first.url, first.token).ask("/jobs").status == 200
        assert Client(second.url, "t" * 32).ask("/jobs").status == 200
        assert Client(second.url, first.token).ask("/jobs").status == 401
        taken = first.url.removeprefix("http://").rstrip("/")
        with pytest.raises(OSError, match="port 0 takes a free one"):
            jobs.serve(taken)


def test_a_read_only_server_takes_no_commands(jobs: ja.Jobs) -> None:
    """With the token, and by the page; looking at details is no command."""
    job = jobs.options(hold=True).submit(len, "a")
    with jobs.serve(read_only=True) as server:
        client = Client(server.url, server.token)
        assert client.post(f"/jobs/{job.id}/cancel").status == 403
        assert client.post("/jobs", {"type": "chain"}).status == 403
        acted = {"kind": "act", "verb": "cancel", "id": job.id}
        assert client.post("/board/message", acted).status == 403
        assert client.post("/board/message", {"kind": "details", "id": job.id}).status == 200
        assert b"Cancel" not in client.ask("/bar").body
    assert job.state is ja.JobState.QUEUED
    job.cancel()


def test_ipv6_and_a_unix_socket_are_addresses_too(jobs: ja.Jobs, tmp_path: Path) -> None:
    """A Unix socket is for this user alone, and asks for no token; a file is not overwritten."""
    with jobs.serve("[::1]:0") as server:
        assert Client(server.url, server.token).ask("/jobs").status == 200
    path = tmp_path / "s"
    with jobs.serve(f"unix:{path}") as server:
        assert server.token is None
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(os.fspath(path))
            connection.sendall(
                b"GET /jobs HTTP/1.1\r\nHost: hub.example\r\nConnection: close\r\n\r\n"
            )
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(FileExistsError, match="no socket"):
        jobs.serve(f"unix:{tmp_path / 'mine'}")


@pytest.mark.parametrize(
    ("bind", "error"),
    [
        ("0.0.0.0:0", "can be reached by others"),
        ("example.org:80", "can be reached by others"),
        ("127.0.0.1:99999", "bind= is"),
        ("http://127.0.0.1", "bind= is"),
        ("127.0.0.1:x", "bind= is"),
    ],
)
def test_an_address_that_is_none_or_open_to_others_is_refused(
    jobs: ja.Jobs, bind: str, error: str
) -> None:
    """With the cure: a proxy with TLS, or insecure=True."""
    with pytest.raises(ValueError, match=error):
        jobs.serve(bind)
    with pytest.raises(TypeError):
        jobs.serve(8080)  # type: ignore[arg-type]


def test_behind_a_proxy_links_have_its_prefix(jobs: ja.Jobs) -> None:
    """From `X-Forwarded-Prefix`, unless that would be another host; the cookie has it, too."""
    with jobs.serve(hosts="hub.example") as server:
        client = Client(server.url, server.token)
        given = {"Host": "hub.example", "X-Forwarded-Prefix": "/user/ada/jobs"}
        assert b'hx-get="/user/ada/jobs/bar"' in client.ask("/bar", headers=given).body
        path = server.login_url.removeprefix(server.url[:-1])
        assert "Path=/user/ada/jobs/" in client.ask(path, headers=given).headers["set-cookie"]
        bent = ("//evil.example", "/\\evil.example", "http://evil.example", 'x"><script>')
        for odd in (*bent, "/a; Domain=evil.example"):
            there = {**given, "X-Forwarded-Prefix": odd}
            page = client.ask("/bar", headers=there).body
            assert b"evil" not in page
            assert b"<script>" not in page
            path = server.login_url.removeprefix(server.url[:-1])
            assert "; Path=/; " in client.ask(path, headers=there).headers["set-cookie"]


def test_the_page_is_found_without_its_last_slash(jobs: ja.Jobs) -> None:
    """Its links go on from there; where it leads has no address, which a proxy has changed."""
    with jobs.serve(prefix="/my/jobs") as server:
        client = Client(server.url, server.token)
        led = client.ask("/my/jobs")
        assert (led.status, led.headers["location"]) == (307, "/my/jobs/")
        led = client.ask("/my/jobs", headers={"X-Forwarded-Prefix": "/hub"})
        assert led.headers["location"] == "/hub/my/jobs/"


def test_a_client_that_has_gone_leaves_no_connection(
    jobs: ja.Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a file of this process, so there are only so many: the next one is refused."""
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 1)

    def is_answered() -> bool:
        with suppress(ConnectionError, ValueError, IndexError):  # refused, and cut off perhaps
            return client.ask("/healthz").status == 200
        return False

    with jobs.serve() as server:
        client = Client(server.url, server.token)
        with client.stream(), client.connect() as one_more:
            assert one_more.recv(100).startswith(b"HTTP/1.1 503")
        wait_until(is_answered)
        for _ in range(3):  # it has asked for nothing, or is waited for with its next request
            client.connect().close()
            wait_until(is_answered)


def test_a_body_that_does_not_come_is_not_waited_for(
    jobs: ja.Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told so after a while; a client that goes in the middle of it is no error here."""
    with jobs.serve() as server:
        client = Client(server.url, server.token)
        head = client.head("POST", "/jobs", {}, 1000)
        with client.connect() as gone:
            gone.sendall(head + b"{")
        monkeypatch.setattr(json_bodies, "BODY_SECONDS", 0.05)
        with client.connect() as slow:
            slow.sendall(head + b"{")
            answer = b"".join(iter(lambda: slow.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"send it anew" in answer
    server.job.wait().result(PATIENCE)
    assert caplog.records == []


_begun, _go_on = threading.Semaphore(0), threading.Event()


class _Folder(msgspec.Struct):
    """An argument whose own code takes its time."""

    name: str

    def __post_init__(self) -> None:
        _begun.release()
        _go_on.wait()


def test_a_job_type_whose_own_code_blocks_holds_up_nobody_else(jobs: ja.Jobs) -> None:
    """A request with its key waits for the same job; others, and the server's end, do not wait."""

    @ja.job("http blocking")
    def blocking(folder: _Folder) -> str:
        return folder.name

    answers: list[Answer] = []
    body = {"type": "http blocking", "arguments": {"folder": {"name": "wiki"}}}

    def submit(key: str) -> None:
        answers.append(client.post("/jobs", body, Idempotency_Key=key))

    server = jobs.serve()
    client = Client(server.url, server.token)
    askers = [threading.Thread(target=submit, args=(key,)) for key in "aab"]
    for asker in askers:
        asker.start()
    assert _begun.acquire(timeout=PATIENCE)
    assert _begun.acquire(timeout=PATIENCE)  # the other key's
    assert client.ask("/jobs").status == 200
    _go_on.set()
    for asker in askers:
        asker.join(PATIENCE)
    assert sorted(one.status for one in answers) == [200, 201, 201]
    assert len({one.json["id"] for one in answers}) == 2
    _go_on.clear()
    while _begun.acquire(blocking=False):
        pass
    content = json.dumps(body).encode()
    with client.connect() as waiting:
        waiting.sendall(client.head("POST", "/jobs", {}, len(content)) + content)
        assert _begun.acquire(timeout=PATIENCE)
        server.close()
        ended = server.job.wait().result(PATIENCE)
    _go_on.set()
    assert (ended.state, ended.stuck) == (ja.JobState.CANCELLED, False)


def test_a_machine_that_vanishes_without_a_word_is_noticed(jobs: ja.Jobs) -> None:
    """The system asks a silent other end whether it is there, on each connection."""
    listener, address = http_server._open_socket(
        http_server.parse_bind("127.0.0.1:0", insecure=False)
    )
    with listener, socket.create_connection((address.host, address.port)):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for name, most in (("TCP_KEEPIDLE", 30), ("TCP_USER_TIMEOUT", 60_000)):
                if hasattr(socket, name):
                    found = accepted.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                    assert 0 < found <= most


def test_the_extra_is_named_where_it_is_missing(
    jobs: ja.Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with the pip line, for the server and for the application."""
    import sys

    for name in [name for name in sys.modules if name.startswith("jobactors.faces.http.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("starlette", "hypercorn"):
        for loaded in [one for one in sys.modules if one.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'jobactors\[http\]'"):
        jobs.serve()
    with pytest.raises(ImportError, match=r"pip install 'jobactors\[http\]'"):
        ja.http.app(jobs)
