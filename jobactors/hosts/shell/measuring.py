"""``metrics``, ``schedules``, ``templates``: told by a store's owner, or read in its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.stores.read_only import StoreView

from .measure_tables import metric_lines, schedule_lines, template_lines
from .owner_call import calling_owner
from .statuses import explained
from .store_choice import chosen_store
from .tables import columns, is_for_people, put, put_json
from .unowned import stored_metrics, stored_schedules, stored_templates

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


@explained
def show_metrics(given: argparse.Namespace) -> int:
    """Print how many jobs have ended, how, and how long they took."""
    told = _told(given, "metrics", stored_metrics)
    if given.prometheus:
        put(told["prometheus"].rstrip())
    else:
        _put(given, told["metrics"], metric_lines)
    return 0


@explained
def show_schedules(given: argparse.Namespace) -> int:
    """Print the schedules, with the time of the next run."""
    found = _told(given, "schedules", stored_schedules)["schedules"]
    _put(given, found, schedule_lines)
    return 0


@explained
def show_templates(given: argparse.Namespace) -> int:
    """Print the templates, with their job type and arguments."""
    found = _told(given, "templates", stored_templates)["templates"]
    if given.names:
        for one in found:
            if one["name"].isprintable():  # a shell takes each line for a name
                put(one["name"])
    else:
        _put(given, found, template_lines)
    return 0


def _told(
    given: argparse.Namespace, what: str, read: Callable[[StoreView], dict[str, Any]]
) -> dict[str, Any]:
    with StoreView(chosen_store(given)) as view:
        if view.owner is None:
            with view.one_moment():
                return read(view)
        with calling_owner(view.path, view.owner) as call:
            return call.ask({"verb": what})


def _put(
    given: argparse.Namespace,
    found: list[dict[str, Any]],
    lines: Callable[[list[dict[str, Any]], int], list[str]],
) -> None:
    if is_for_people(given):
        for line in lines(found, columns()):
            put(line)
    else:
        for one in found:
            put_json(one)
