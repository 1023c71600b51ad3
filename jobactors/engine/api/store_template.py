"""``ja.template``: stores a template in the present job system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobactors.inside.chain.chain import Chain
from jobactors.model.identity import TypeOrFunction

from .current import current_jobs
from .templates import NO_VALUES, Template


def template(
    name: str,
    type: TypeOrFunction | Chain,
    *,
    arguments: Mapping[str, Any] = NO_VALUES,
    options: Mapping[str, Any] = NO_VALUES,
) -> Template:
    """Store a template in the present job system; see :meth:`Jobs.add_template`.

    That is the innermost open block around this code, or what ``ja.start`` has opened.

    Args:
        name: Its name.
        type: A registered job type, by its name or its function, or a chain of such.
        arguments: Arguments by name.
        options: Job options.

    Raises:
        NoJobSystem: if there is no such system.
        TypeError, ValueError, UnknownJobType, StoreError: as ``jobs.add_template``.

    Example::

        ja.template("nightly wiki", "index", arguments={"folder": "wiki/"})
    """
    jobs = current_jobs("ja.template(…)")
    return jobs.add_template(name, type, arguments=arguments, options=options)
