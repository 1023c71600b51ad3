"""Starts a registry to pull models from, Debian's `docker-registry`, and puts models into it.

Ollama's own models come from a registry of this kind (OCI distribution): a manifest lists the
layers of a model by their digests, and each layer is a blob, of which any part can be fetched.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
WEIGHTS = "application/vnd.ollama.image.model"
LICENSE = "application/vnd.ollama.image.license"

SETTINGS = """\
version: 0.1
log: {{level: info, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}", secret: "of this machine alone"}}
"""
_open = build_opener(ProxyHandler({})).open  # a proxy would know nothing of this machine


@dataclass(frozen=True)
class Registry:
    """A registry that runs."""

    url: str
    process: "subprocess.Popen[bytes]"


def registry_program() -> str | None:
    """Return the path of `docker-registry`, if there is one."""
    return os.environ.get("JOBACTORS_REGISTRY") or shutil.which("docker-registry")


@contextmanager
def open_registry(folder: Path, program: str, address: str = "127.0.0.1:0") -> Iterator[Registry]:
    """Run a registry that stores its blobs in a folder, until the block ends.

    Args:
        folder: for its blobs and its settings.
        program: `registry_program()` finds it.
        address: where it listens; port 0 takes a free one.

    Raises:
        RuntimeError: it does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings, log = folder / "settings.yml", folder / "registry.log"
    settings.write_text(SETTINGS.format(folder=json.dumps(str(folder)), address=address))
    with log.open("wb") as file:
        process = subprocess.Popen(
            [program, "serve", str(settings)], stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        yield Registry(f"http://{_address_in(log, process)}", process)
    finally:
        process.kill()  # it has no state that is not in its files
        process.wait()


def _address_in(log: Path, process: "subprocess.Popen[bytes]") -> str:
    while True:
        has_ended = process.poll() is not None
        said = log.read_text(errors="replace")
        if found := re.search(r'msg="listening on ([^"]+)"', said):
            return found[1]
        if has_ended:
            raise RuntimeError(f"docker-registry did not start: {said}")
        time.sleep(0.02)


def push(url: str, model: str, layers: Mapping[str, bytes]) -> dict[str, str]:
    """Put a model into a registry; return the digest of each layer, by its media type."""
    base, tag = _parts(url, model)
    digests = {kind: _push_blob(base, content) for kind, content in layers.items()}
    config = json.dumps({"model_format": "gguf", "rootfs": {"type": "layers"}}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": _push_blob(base, config), "size": len(config)},
        "layers": [
            {"mediaType": kind, "digest": digests[kind], "size": len(content)}
            for kind, content in layers.items()
        ],
    }
    body = json.dumps(manifest).encode()
    _send(f"{base}/manifests/{tag}", "PUT", body, MANIFEST)
    return digests


def _push_blob(base: str, content: bytes) -> str:
    digest = digest_of(content)
    upload = _send(f"{base}/blobs/uploads/", "POST", b"", "application/octet-stream")
    joint = "&" if "?" in upload else "?"
    _send(f"{upload}{joint}digest={digest}", "PUT", content, "application/octet-stream")
    return digest


def _send(url: str, method: str, body: bytes, kind: str) -> str:
    request = Request(  # noqa: S310 - of this machine
        url, method=method, data=body, headers={"Content-Type": kind}
    )
    with _open(request) as answer:
        return str(answer.headers["Location"])


def digest_of(content: bytes) -> str:
    """Return the name of a blob: what is in it decides it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _parts(url: str, model: str) -> tuple[str, str]:
    name, _, tag = model.partition(":")
    return f"{url}/v2/library/{name}", tag or "latest"
