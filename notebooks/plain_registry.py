"""A registry of models in a plain folder, for where there is no `docker-registry`.

It knows what a download needs and no more: manifests, blobs of which any part can be fetched, and
an upload in one piece. `plain_registry(folder)` is an ASGI application.
"""

import json
from pathlib import Path

from model_registry import MANIFEST, digest_of
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route


def plain_registry(folder: Path) -> Starlette:
    """Return an application that serves the models in a folder."""

    def manifest_of(request: Request) -> Path:
        # The names come from the path of a request: what they are cannot lead out of the folder.
        name, tag = (request.path_params[part].replace("..", "") for part in ("name", "tag"))
        return folder / "manifests" / f"{name}.{tag}.json"

    def blob_of(digest: str) -> Path:
        return folder / "blobs" / "".join(filter(str.isalnum, digest))

    async def get_manifest(request: Request) -> Response:
        path = manifest_of(request)
        if not path.is_file():
            return _unknown("MANIFEST_UNKNOWN")
        return FileResponse(path, media_type=MANIFEST)

    async def put_manifest(request: Request) -> Response:
        path = manifest_of(request)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(await request.body())
        return Response(status_code=201, headers={"Location": str(request.url)})

    async def get_blob(request: Request) -> Response:
        path = blob_of(request.path_params["digest"])
        return FileResponse(path) if path.is_file() else _unknown("BLOB_UNKNOWN")

    async def begin_upload(request: Request) -> Response:
        return Response(status_code=202, headers={"Location": f"{request.url}one"})

    async def put_blob(request: Request) -> Response:
        content, digest = await request.body(), request.query_params["digest"]
        if digest_of(content) != digest:
            return JSONResponse({"errors": [{"code": "DIGEST_INVALID"}]}, 400)
        path = blob_of(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return Response(status_code=201, headers={"Location": str(request.url)})

    base = "/v2/library/{name}"
    return Starlette(
        routes=[
            Route(base + "/manifests/{tag}", get_manifest, methods=["GET"]),
            Route(base + "/manifests/{tag}", put_manifest, methods=["PUT"]),
            Route(base + "/blobs/uploads/", begin_upload, methods=["POST"]),
            Route(base + "/blobs/uploads/one", put_blob, methods=["PUT"]),
            Route(base + "/blobs/{digest}", get_blob, methods=["GET"]),
        ]
    )


def _unknown(code: str) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": json.dumps(code)}]}, 404)
