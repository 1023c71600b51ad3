"""Pulls models from a registry into a folder, as Ollama's server does: the half that has the files.

A blob under its final name has been checked. One that is on its way, or whose pull was broken off,
is `…-partial`; the next pull asks the registry for the rest of it alone. However many pulls want a
blob at once, it is fetched once; when the last of them goes, the fetching ends.
"""

import hashlib
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

import trio
from model_registry import MANIFEST

TICK_SECONDS = 0.05
"""How often a pull says how far it is."""
CHUNK = 64 * 1024
REGISTRY_SECONDS = 20
"""How long the registry may be silent."""
OK, PARTIAL_CONTENT, NOT_FOUND = 200, 206, 404
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_in_thread = trio.to_thread.run_sync

Line = dict[str, Any]
Pace = Callable[[str, int], Awaitable[object]]
"""Is told each step and its bytes before it is made, and may take its time."""


class PullError(RuntimeError):
    """A pull that cannot go on, in the words for its client."""


def at_rate(bytes_per_second: float) -> Pace:
    """Return the pace of a line that carries so many bytes a second."""

    async def pace(_step: str, size: int) -> None:
        await trio.sleep(size / bytes_per_second)

    return pace


@dataclass
class _Fetch:
    """One blob on its way; all that want it look here."""

    digest: str
    size: int
    url: str
    there: int = 0
    followers: int = 0
    error: str | None = None
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event = field(default_factory=trio.Event)


class ModelFolder:
    """The models of one server, in one folder. It lives in one trio loop."""

    def __init__(self, folder: Path, registry: str, nursery: trio.Nursery, pace: Pace) -> None:
        """Use a folder, made if need be, and a registry.

        Args:
            folder: what is in it stays: broken pulls go on from there.
            registry: the address of the registry.
            nursery: what is fetched belongs to it, and not to the pull that came first.
            pace: `at_rate(…)`.
        """
        self.blobs, self.manifests = folder / "blobs", folder / "manifests"
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.manifests.mkdir(parents=True, exist_ok=True)
        self._registry = registry
        self._nursery = nursery
        self._pace = pace
        self._fetches: dict[str, _Fetch] = {}
        self._checking = trio.Lock()

    def models(self) -> list[Line]:
        """Return what `/api/tags` tells of each model that is complete."""
        return [_described(path) for path in sorted(self.manifests.glob("*.json"))]

    def path_of(self, digest: str) -> Path:
        """Return where a blob is once it is complete."""
        return self.blobs / digest.replace(":", "-")

    async def pull(self, model: str) -> AsyncGenerator[Line, None]:
        """Get a model, and say what happens; whatever is there already is not fetched again.

        Raises:
            PullError: with the reason, for the client.
        """
        yield {"status": "pulling manifest"}
        await self._pace("pulling manifest", 0)
        name, tag = _name_and_tag(model)
        repository = f"{self._registry}/v2/library/{name}"
        text = await _ask_manifest(f"{repository}/manifests/{tag}")
        manifest = json.loads(text)
        parts = [*manifest["layers"], manifest["config"]]
        for part in parts:
            async with aclosing(self._get(part["digest"], part["size"], repository)) as lines:
                async for line in lines:
                    yield line
        yield {"status": "verifying sha256 digest"}
        await self._pace("verifying sha256 digest", 0)
        async with self._checking:  # two pulls of one blob: the second finds it checked
            for part in parts:
                await _in_thread(self._verify, part["digest"])
        yield {"status": "writing manifest"}
        await self._pace("writing manifest", 0)
        _write_whole(self.manifests / f"{name}.{tag}.json", text)
        yield {"status": "success"}

    # -- blobs

    async def _get(self, digest: str, size: int, repository: str) -> AsyncGenerator[Line, None]:
        said = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": size}
        yield said
        if self.path_of(digest).exists():
            yield {**said, "completed": size}
            return
        fetch = await self._join(digest, size, f"{repository}/blobs/{digest}")
        try:
            while not fetch.ended.is_set():
                yield {**said, "completed": fetch.there}
                with trio.move_on_after(TICK_SECONDS):
                    await fetch.ended.wait()
        finally:
            fetch.followers -= 1
            if not fetch.followers:
                fetch.scope.cancel()
        if fetch.error is not None:
            raise PullError(fetch.error)
        yield {**said, "completed": size}

    async def _join(self, digest: str, size: int, url: str) -> _Fetch:
        while (fetch := self._fetches.get(digest)) is not None and fetch.scope.cancel_called:
            await fetch.ended.wait()  # it was given up, and is closing its file
        if fetch is None:
            fetch = self._fetches[digest] = _Fetch(digest, size, url, self._there(digest))
            self._nursery.start_soon(self._fetch, fetch)
        fetch.followers += 1
        return fetch

    async def _fetch(self, fetch: _Fetch) -> None:
        try:
            with fetch.scope:
                await self._append(fetch)
        except PullError as error:
            fetch.error = str(error)
        except (HTTPException, OSError) as error:
            fetch.error = _in_words(error)
        finally:
            del self._fetches[fetch.digest]
            fetch.ended.set()

    async def _append(self, fetch: _Fetch) -> None:
        with self._partial(fetch.digest).open("ab", buffering=0) as file:
            if file.tell() > fetch.size:
                file.truncate(0)
            fetch.there = file.seek(0, os.SEEK_END)
            if fetch.there == fetch.size:
                return  # all of it, by a pull that was broken off before it was checked
            rest = {"Range": f"bytes={fetch.there}-"} if fetch.there else {}
            with await _in_thread(_open, fetch.url, rest) as answer:
                if answer.status != (PARTIAL_CONTENT if fetch.there else OK):
                    raise PullError(f"pull {fetch.digest[7:19]}: {answer.status}")
                while chunk := await _in_thread(answer.read1, CHUNK):
                    await self._pace(f"pulling {fetch.digest}", len(chunk))
                    file.write(chunk)
                    fetch.there += len(chunk)
        if fetch.there != fetch.size:
            raise PullError(f"pull {fetch.digest[7:19]}: unexpected EOF")

    def _there(self, digest: str) -> int:
        partial = self._partial(digest)
        return partial.stat().st_size if partial.exists() else 0

    def _partial(self, digest: str) -> Path:
        path = self.path_of(digest)
        return path.with_name(f"{path.name}-partial")

    def _verify(self, digest: str) -> None:
        path, partial = self.path_of(digest), self._partial(digest)
        if path.exists():
            return
        with partial.open("rb") as file:
            found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if found != digest:
            partial.unlink()
            raise PullError(
                f"digest mismatch, file must be downloaded again: want {digest}, got {found}"
            )
        partial.replace(path)


def _name_and_tag(model: str) -> tuple[str, str]:
    # Both become parts of a path and of an address.
    if not (parts := re.fullmatch(r"(\w[\w.-]*?)(?::(\w[\w.-]*))?", model, re.ASCII)):
        raise PullError(f"invalid model name {model!r:.100}")
    return parts[1], parts[2] or "latest"


async def _ask_manifest(url: str) -> str:
    try:
        with await _in_thread(_open, url, {"Accept": MANIFEST}) as answer:
            text: bytes = await _in_thread(answer.read)
            return text.decode()
    except urllib.error.HTTPError as error:
        with error:
            why = "file does not exist" if error.code == NOT_FOUND else error.reason
        raise PullError(f"pull model manifest: {why}") from None
    except (HTTPException, OSError) as error:
        raise PullError(f"pull model manifest: {_in_words(error)}") from None


def _open(url: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - of our registry
    return _DIRECT.open(request, timeout=REGISTRY_SECONDS)


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()  # "no space left on device"
    reason = getattr(error, "reason", error)  # of what urllib wraps
    return str(reason) or type(error).__name__


def _described(path: Path) -> Line:
    text = path.read_bytes()
    manifest = json.loads(text)
    name, _, tag = path.stem.rpartition(".")
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return {
        "name": f"{name}:{tag}",
        "model": f"{name}:{tag}",
        "modified_at": modified.isoformat(),
        "size": sum(part["size"] for part in [*manifest["layers"], manifest["config"]]),
        "digest": hashlib.sha256(text).hexdigest(),
        "details": {"format": "gguf", "family": "stand-in"},
    }


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
