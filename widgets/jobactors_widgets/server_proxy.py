"""The page behind Jupyter's own login: what jupyter-server-proxy starts, and how.

Of a hub, each user's server has the page of that user's jobs at ``…/jobactors/``.  Nothing listens
on a port: the proxy reaches the page through a Unix socket that this user alone can open, and lets
through those whom Jupyter has let in.
"""

from __future__ import annotations

import sys


def describe_server() -> dict[str, object]:
    """Return the entry of jupyter-server-proxy for the page.

    The store is that of ``jobactors serve``: ``$JOBACTORS_STORE``, or else ``jobs.db`` in the
    folder of the server.  If a kernel owns it, that kernel serves.
    """
    return {
        "command": [sys.executable, "-m", "jobactors", "serve", "--uds", "{unix_socket}"],
        "unix_socket": True,
        "absolute_url": False,
        "timeout": 60,
        "launcher_entry": {"title": "Jobs", "path_info": "jobactors/"},
    }
