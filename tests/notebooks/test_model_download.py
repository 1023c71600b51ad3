# ruff: noqa: D103 (the name of a test is its sentence)
"""A model is downloaded through Ollama's protocol, out of a real registry, whatever happens."""

from __future__ import annotations

import json
import time
import urllib.request
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import model_download
import ollama
import pytest
import trio
from model_registry import WEIGHTS, open_registry, push
from ollama_stand_in import example_layers, open_stand_in

import jobactors as ja
from tests.notebooks.docker_registry import VARIABLE
from tests.notebooks.pull_server import Gate, served
from tests.notebooks.tiny_model import (
    IN_THE_MIDDLE,
    SIZE,
    Models,
    contents,
    file_name,
    job_type,
    registry_program,
    undisturbed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_registry import Registry


async def reported(jobs: ja.Jobs, job: ja.Job[Any], done: int) -> None:
    """Wait until a job has reported so many bytes."""
    async with jobs.subscribe() as batches:
        async for _ in batches:
            if (job.snapshot().progress.done or 0) >= done:
                return


# -- a download


async def test_bytes_count_up_over_all_layers_and_no_share_is_told_before_all_are_known(
    models: Models, tmp_path: Path
) -> None:
    told: list[tuple[int, int, bool]] = []

    def show(now: model_download.DownloadProgress) -> None:
        told.append((now.completed, len(now.layers), now.all_layers_known))

    async with served(tmp_path, models.url, Gate()) as server:
        download = partial(model_download.download_model, "tiny", server, on_progress=show)
        result = await trio.to_thread.run_sync(download)
        status = await trio.to_thread.run_sync(model_download.server_status, server)
    assert told == sorted(told)
    assert told[0] == (0, 0, False)
    assert told[-1] == (result["bytes"], 3, True)
    assert result == {
        "model": "tiny:latest",
        "complete": True,
        "bytes": result["bytes"],
        "found": 0,
    }
    assert status.models == {"tiny:latest": result["bytes"]}
    assert result["bytes"] > SIZE


async def test_a_cancel_keeps_what_is_there_and_the_next_job_asks_for_the_rest_alone(
    models: Models, tmp_path: Path
) -> None:
    expected = await undisturbed(models, tmp_path / "other")
    gate = Gate("pulling sha256", after=IN_THE_MIDDLE)
    async with served(tmp_path / "models", models.url, gate) as server, ja.open_jobs() as jobs:
        download = job_type(server)
        first = jobs.options(subject="tiny").submit(download, "tiny")
        await gate.reached.wait()
        there = gate.bytes
        await reported(jobs, first, there)
        first.cancel("enough")
        with pytest.raises(ja.JobCancelled) as stopped:
            await first
        assert stopped.value.partial == {
            "model": "tiny:latest",
            "complete": False,
            "bytes": there,
            "found": 0,
        }
        await gate.left.wait()  # the server has seen that its client is gone
        assert [path.stat().st_size for path in (tmp_path / "models" / "blobs").iterdir()] == [
            there
        ]
        gate.opened.set()
        result = await jobs.options(subject="tiny").submit(download, "tiny")
    assert result["found"] == there
    assert result["complete"]
    assert gate.bytes == result["bytes"]  # each byte has come from the registry once
    assert contents(tmp_path / "models") == expected


async def test_a_cancel_is_answered_while_the_server_is_silent(
    models: Models, tmp_path: Path
) -> None:
    gate = Gate("verifying")
    async with served(tmp_path, models.url, gate) as server, ja.open_jobs() as jobs:
        job = jobs.submit(job_type(server), "tiny")
        await gate.reached.wait()
        job.cancel()
        with pytest.raises(ja.JobCancelled) as stopped:
            await job
        assert isinstance(stopped.value.partial, dict)
        assert not stopped.value.partial["complete"]


async def test_a_pause_stops_the_reports_alone_and_the_server_goes_on(
    models: Models, tmp_path: Path
) -> None:
    gate = Gate("pulling sha256", after=IN_THE_MIDDLE)
    async with served(tmp_path, models.url, gate) as server, ja.open_jobs() as jobs:
        job = jobs.submit(job_type(server), "tiny")
        await gate.reached.wait()
        job.pause()
        async with jobs.subscribe() as batches:
            async for _ in batches:
                if job.state is ja.JobState.PAUSED:
                    break
        gate.opened.set()
        await trio.to_thread.run_sync(_wait_until_there, server)
        assert job.state is ja.JobState.PAUSED
        job.resume()
        assert (await job)["complete"]


def _wait_until_there(server: str) -> None:
    while not model_download.server_status(server).has("tiny"):
        time.sleep(0.01)


async def test_an_error_of_the_callback_ends_the_download(models: Models, tmp_path: Path) -> None:
    """A job whose progress raises the cancel is one such error."""
    gate = Gate("pulling sha256", after=IN_THE_MIDDLE)

    def stumble(now: model_download.DownloadProgress) -> None:
        if now.completed >= IN_THE_MIDDLE:
            raise KeyError("stumbled")

    download = partial(model_download.download_model, "tiny", on_progress=stumble)
    async with served(tmp_path, models.url, gate) as server:
        with pytest.raises(KeyError, match="stumbled"):
            await trio.to_thread.run_sync(download, server)
        await gate.left.wait()  # the server has seen it, and has given up
    (blob,) = (tmp_path / "blobs").iterdir()
    assert blob.stat().st_size == gate.bytes


async def test_two_programs_that_want_one_model_share_its_download(
    models: Models, tmp_path: Path
) -> None:
    """One of them goes away in the middle; the other one gets all of it."""
    gate = Gate("pulling sha256", after=IN_THE_MIDDLE)
    async with served(tmp_path, models.url, gate) as server, ja.open_jobs() as jobs:
        download = job_type(server)
        job = jobs.options(subject="tiny").submit(download, "tiny")
        again = jobs.options(subject="tiny").submit(download, "tiny")
        assert (again.id, again.is_new) == (job.id, False)
        await gate.reached.wait()
        async with trio.open_nursery() as nursery:
            said: list[ollama.ProgressResponse] = []
            has_joined = trio.Event()
            tell = partial(trio.from_thread.run_sync, has_joined.set)
            pull = partial(_pull_all, server, "tiny", said, tell)
            nursery.start_soon(trio.to_thread.run_sync, pull)
            await has_joined.wait()
            job.cancel("the other one is enough")
            await job.wait()
            gate.opened.set()
    assert said[-1].status == "success"
    assert gate.bytes == sum(line.total or 0 for line in _last_of_each_layer(said))


def _pull_all(
    server: str,
    model: str,
    said: list[ollama.ProgressResponse],
    at_a_blob: Callable[[], object] = lambda: None,
) -> None:
    with ollama.Client(server, trust_env=False) as client:
        for line in client.pull(model, stream=True):
            said.append(line)
            if line.completed:
                at_a_blob()


def _last_of_each_layer(said: list[ollama.ProgressResponse]) -> list[ollama.ProgressResponse]:
    return list({line.digest: line for line in said if line.digest}.values())


async def test_ollamas_own_client_sees_a_server_as_it_knows_it(
    models: Models, tmp_path: Path
) -> None:
    def use(server: str) -> tuple[list[Any], Any]:
        said: list[ollama.ProgressResponse] = []
        _pull_all(server, "tiny", said)
        with ollama.Client(server, trust_env=False) as client:
            assert client.pull("tiny").status == "success"
            for stream in (True, False):
                with pytest.raises(ollama.ResponseError, match="file does not exist"):
                    list(client.pull("no-such-model", stream=stream))
            return said, client.list()

    async with served(tmp_path, models.url, Gate()) as server:
        said, listed = await trio.to_thread.run_sync(use, server)
    assert said[0].status == "pulling manifest"
    assert [line.status for line in said[-3:]] == [
        "verifying sha256 digest",
        "writing manifest",
        "success",
    ]
    layers = _last_of_each_layer(said)
    assert [line.completed for line in layers] == [line.total for line in layers]
    assert [model.model for model in listed.models] == ["tiny:latest"]
    assert listed.models[0].size == sum(line.total or 0 for line in layers)


# -- when it cannot be done


async def test_an_error_is_a_line_in_an_answer_that_began_with_200(
    models: Models, tmp_path: Path
) -> None:
    def ask(server: str) -> tuple[int, list[Any]]:
        request = urllib.request.Request(
            f"{server}/api/pull", data=json.dumps({"model": "no-such-model"}).encode()
        )
        with urllib.request.urlopen(request) as answer:
            return answer.status, [json.loads(line) for line in answer]

    async with served(tmp_path, models.url, Gate()) as server, ja.open_jobs() as jobs:
        status, lines = await trio.to_thread.run_sync(ask, server)
        assert (status, lines[-1]) == (
            200,
            {"error": "pull model manifest: file does not exist"},
        )
        for model, why in [
            ("no-such-model", "file does not exist"),
            ("../../tiny", "invalid model name"),
        ]:
            with pytest.raises(model_download.ModelError, match=why):
                await jobs.submit(job_type(server), model)


async def test_a_wrong_digest_fails_and_the_blob_is_fetched_again(
    models: Models, tmp_path: Path
) -> None:
    stored = models.folder / "docker/registry/v2/blobs/sha256"
    data = stored / models.weights[7:9] / models.weights[7:] / "data"
    whole = data.read_bytes()
    async with served(tmp_path, models.url, Gate()) as server, ja.open_jobs() as jobs:
        download = job_type(server)
        data.write_bytes(whole[:-1] + b"?")
        try:
            with pytest.raises(model_download.ModelError, match="digest mismatch, file must be"):
                await jobs.submit(download, "tiny")
        finally:
            data.write_bytes(whole)
        assert (await jobs.submit(download, "tiny"))["found"] < SIZE  # the small layers were right


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
async def test_a_full_disk_is_told_and_with_room_again_it_goes_on(
    models: Models, tmp_path: Path
) -> None:
    """/dev/full in the place of the blob: the system itself says that there is no space."""
    blob = tmp_path / "blobs" / f"{file_name(models.weights)}-partial"
    async with served(tmp_path, models.url, Gate()) as server, ja.open_jobs() as jobs:
        blob.symlink_to("/dev/full")
        with pytest.raises(model_download.ModelError, match="no space left on device"):
            await jobs.submit(job_type(server), "tiny")
        blob.unlink()
        assert (await jobs.submit(job_type(server), "tiny"))["complete"]


async def test_a_registry_that_stops_in_the_middle_of_a_blob_costs_no_byte(
    models: Models, tmp_path: Path
) -> None:
    layers = example_layers()  # more than what is on its way between two programs
    gate = Gate("pulling sha256", after=IN_THE_MIDDLE)
    with ExitStack() as stack:
        open_it = partial(open_registry, tmp_path / "registry", registry_program())
        registry: Registry = stack.enter_context(open_it())
        push(registry.url, "large", layers)
        async with (
            served(tmp_path / "models", registry.url, gate) as server,
            ja.open_jobs() as jobs,
        ):
            download = job_type(server)
            job = jobs.submit(download, "large")
            await gate.reached.wait()
            registry.process.kill()
            registry.process.wait()
            gate.opened.set()
            with pytest.raises(model_download.ModelError):
                await job
            there = gate.bytes
            assert IN_THE_MIDDLE <= there < len(layers[WEIGHTS])
            with pytest.raises(model_download.ModelError, match="pull model manifest"):
                await jobs.submit(download, "large")
            stack.enter_context(open_it(registry.url.removeprefix("http://")))
            result = await jobs.submit(download, "large")
    assert (result["found"], gate.bytes) == (there, result["bytes"])


async def test_what_is_no_ollama_server_counts_as_missing(models: Models) -> None:
    for server in (models.url, "127.0.0.1:9", "ftp://localhost", "no address"):
        with pytest.raises(model_download.ServerMissing, match=r"ollama\.com/download|no address"):
            await trio.to_thread.run_sync(model_download.server_status, server)


def test_a_server_that_is_killed_in_the_middle_is_told_and_goes_on_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without docker-registry on this machine, as a reader may have it."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    first = open_stand_in(tmp_path, rate=4_000_000)
    assert "docker-registry is not installed" in str(first)

    def kill(now: model_download.DownloadProgress) -> None:
        if now.completed > IN_THE_MIDDLE:
            first.process.kill()

    with pytest.raises(model_download.ModelError, match=r"gone away|ended the download"):
        model_download.download_model("tiny", first.url, on_progress=kill)
    first.close()
    second = open_stand_in(tmp_path, rate=1e9)
    assert model_download.download_model("tiny", second.url)["found"] > IN_THE_MIDDLE
    second.close()
