"""The description of the HTTP face for programs: OpenAPI 3.1."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from jobactors.model.plain_snapshot import PLAIN
from jobactors.model.states import JobState

from .body_schemas import ANY, REASON, of_chain, of_change, of_query, of_submit
from .job_routes import VERBS
from .problems import MEDIA_TYPE

_JOB: Final = {"$ref": "#/components/schemas/Job"}
_NUMBERS: Final = frozenset(
    {"submitted_at", "started_at", "finished_at", "changed_at", "due", "paused_for", "done"}
    | {"total", "fraction"}
)
_INTEGERS: Final = frozenset({"priority", "attempt", "log_lines", "log_cut"})
_FLAGS: Final = frozenset({"stuck", "read"})
_LISTS: Final = frozenset({"tags", "waits_for", "stages"})
_OBJECTS: Final = frozenset({"metadata", "counters"})


def description(server: str) -> dict[str, Any]:
    """Return the document.

    Args:
        server: The path under which the application is found.
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": "jobactors", "version": version("jobactors"), "description": _ABOUT},
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Job": _job_schema(), "Problem": _PROBLEM},
            "responses": {
                "Problem": {
                    "description": "A problem (RFC 9457), with the cure in `detail`",
                    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
            },
            "parameters": {
                "id": {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "description": "The id of a job",
                    "schema": {"type": "string"},
                }
            },
        },
    }


_ABOUT: Final = (
    "Background jobs: look, submit, command, follow. Times are seconds since the epoch. Errors are "
    "problem details (RFC 9457)."
)
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "error": {"type": "string"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "text": {"type": "string"}},
            },
        },
    },
}


def _job_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["id", "state"],
        "properties": {name: _value_schema(name) for name in PLAIN},
    }


def _value_schema(name: str) -> dict[str, Any]:
    if name == "state":
        return {"type": "string", "enum": [str(state.value) for state in JobState]}
    if name in _NUMBERS:
        return {"type": ["number", "null"]}
    if name in _INTEGERS:
        return {"type": "integer"}
    if name in _FLAGS:
        return {"type": "boolean"}
    if name in _LISTS:
        return {"type": "array", "items": {"type": "string"}}
    if name in _OBJECTS:
        return {"type": "object"}
    if name == "key":
        return {"type": ["string", "integer", "null"]}
    return {"type": ["string", "null"]}


def _paths() -> dict[str, Any]:
    by_id = [{"$ref": "#/components/parameters/id"}]
    verbs = {
        f"/jobs/{{id}}/{verb}": {
            "parameters": by_id,
            "post": _operation(f"{verb}Job", f"Command: {verb}", {"202": _JOB}, body=REASON),
        }
        for verb in VERBS
    }
    return {
        "/jobs": {
            "get": _operation(
                "listJobs",
                "List jobs in the order of their submission",
                {"200": _page_of(_JOB)},
                query=("state", "type", "subject", "tag", "limit", "after"),
            ),
            "post": {
                **_operation(
                    "submitJob",
                    "Submit a job by the name of its type",
                    {"201": _JOB, "200": _JOB},
                    body=of_submit(),
                    needs_body=True,
                ),
                "parameters": [
                    {
                        "name": "Idempotency-Key",
                        "in": "header",
                        "description": "A repeated request with it makes no second job",
                        "schema": {"type": "string", "pattern": "\\S"},
                    }
                ],
            },
        },
        "/jobs/{id}": {
            "parameters": by_id,
            "get": _operation("showJob", "Show one job, with its result", {"200": _JOB}),
            "patch": _operation(
                "changeJob",
                "Change its priority or its labels",
                {"200": _JOB},
                body=of_change(),
                needs_body=True,
            ),
            "delete": _operation("deleteJob", "Forget an ended job", {"204": None}),
        },
        "/jobs/{id}/log": {
            "parameters": by_id,
            "get": _operation(
                "showLog", "The lines that it has written", {"200": {"type": "object"}}, ("from",)
            ),
        },
        **verbs,
        "/history": {
            "get": _operation(
                "listHistory",
                "List ended jobs, newest end first",
                {"200": _page_of(_JOB)},
                ("limit", "type", "subject"),
            )
        },
        **{
            f"/{name}": {"get": _operation(f"list_{name}", said, {"200": {"type": "object"}})}
            for name, said in (
                ("resumable", "List the work that can go on"),
                ("types", "List the job types, with the schemas of their arguments"),
                ("resources", "List the resources and who holds them"),
                ("schedules", "List the schedules, in the order in which they are due"),
            )
        },
        "/healthz": {
            "get": {
                **_operation("showHealth", "Whether the job system is there", {"200": ANY}),
                "security": [],
            }
        },
        "/metrics": {
            "get": {
                "operationId": "showMetrics",
                "summary": "The metrics, in the text format of Prometheus",
                "responses": {
                    "200": {
                        "description": "Done",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    },
                    "default": {"$ref": "#/components/responses/Problem"},
                },
            }
        },
        "/schedules/{name}/{verb}": {
            "parameters": [
                {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
                {
                    "name": "verb",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "enum": ["pause", "resume", "run"]},
                },
            ],
            "post": _operation("commandSchedule", "Command a schedule", {"202": ANY}),
        },
        "/chains/check": {
            "post": _operation(
                "checkChain",
                "What is wrong with a chain of job types; nothing is run",
                {"200": ANY},
                body=of_chain(),
                needs_body=True,
            )
        },
        "/chains": {
            "post": _operation(
                "submitChain", "Submit a chain", {"201": _JOB}, body=of_chain(), needs_body=True
            )
        },
        "/events": {
            "get": {
                "operationId": "followJobs",
                "summary": "Follow the jobs: `state` has all of them, each `jobs` what changed",
                "responses": {
                    "200": {
                        "description": "Server-sent events, whose data is JSON",
                        "content": {"text/event-stream": {"schema": {"type": "string"}}},
                    },
                    "default": {"$ref": "#/components/responses/Problem"},
                },
            }
        },
    }


def _page_of(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["jobs"],
        "properties": {
            "jobs": {"type": "array", "items": item},
            "next": {"type": ["string", "null"], "description": "Goes into `after`"},
        },
    }


def _operation(
    name: str,
    summary: str,
    answers: dict[str, Any],
    query: tuple[str, ...] = (),
    *,
    body: dict[str, Any] | None = None,
    needs_body: bool = False,
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {
            **{status: _answer(schema) for status, schema in answers.items()},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }
    if query:
        operation["parameters"] = [
            {"name": one, "in": "query", "schema": of_query(one)} for one in query
        ]
    if body is not None:
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": needs_body, "content": content}
    return operation


def _answer(schema: dict[str, Any] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done"}
    if schema is not None:
        answer["content"] = {"application/json": {"schema": schema}}
    return answer
