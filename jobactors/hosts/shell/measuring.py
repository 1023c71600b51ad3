"""``metrics``, ``schedules``, ``templates``: told by a store's owner, or read in its file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobactors.hosts.terminal_text import safe
from jobactors.stores.read_only import StoreView

from .owner_call import calling_owner
from .statuses import explained
from .store_choice import chosen_store
from .tables import columns, fitted, is_for_people, put, put_json, width_of
from .unowned import stored_metrics, stored_schedules, stored_templates

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable


@explained
def show_metrics(given: argparse.Namespace) -> int:
    """Print how many jobs have ended, how, and how long they took."""
    told = _told(given, "metrics", stored_metrics)
    if given.prometheus:
        put(told["prometheus"].rstrip())
    else:
        _put(given, told["metrics"], told["text"].splitlines())
    return 0


@explained
def show_schedules(given: argparse.Namespace) -> int:
    """Print the schedules, with the time of the next run."""
    told = _told(given, "schedules", stored_schedules)
    _put(given, told["schedules"], told["text"].splitlines())
    return 0


@explained
def show_templates(given: argparse.Namespace) -> int:
    """Print the templates, with their job type and arguments."""
    found = _told(given, "templates", stored_templates)["templates"]
    lines = _template_lines(found, columns()) if found else ["there are no templates"]
    _put(given, found, lines)
    return 0


def _told(
    given: argparse.Namespace, what: str, read: Callable[[StoreView], dict[str, Any]]
) -> dict[str, Any]:
    with StoreView(chosen_store(given)) as view:
        if view.owner is None:
            return read(view)
        with calling_owner(view.path, view.owner) as call:
            return call.ask({"verb": what})


def _put(given: argparse.Namespace, found: list[dict[str, Any]], lines: Iterable[str]) -> None:
    if is_for_people(given):
        for line in lines:
            put(safe(line))
    else:
        for one in found:
            put_json(one)


def _template_lines(found: list[dict[str, Any]], width: int) -> list[str]:
    names = min(max(width_of(safe(one["name"])) for one in found), width // 3)
    lines: list[str] = []
    for one in found:
        given = ", ".join(f"{name}={json.dumps(value)}" for name, value in one["arguments"].items())
        called = f"{one['type']}({given})"
        rest = safe(f"{called}; {one['problem']}" if one["problem"] else called)
        lines.append(
            f"{fitted(safe(one['name']), names)}  {fitted(rest, width - names - 2)}".rstrip()
        )
    return lines
