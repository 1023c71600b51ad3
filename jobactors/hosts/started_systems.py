"""The job systems that ``ja.start`` has opened in this process, by their names.

The unnamed one is the process's own; named ones live beside it, each with its own loop, store and
limits.  What is started is a process-wide fact, so there is one table of it, and one lock for the
threads that may call.  The end of the program ends all of them: :mod:`.script_exit`.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.context.current_job import CURRENT

from .loop_thread import LoopThread
from .script_exit import ScriptExit

if TYPE_CHECKING:
    from jobactors.engine.api.jobs import Jobs

    from .notebook import NotebookStore


class StartedSystems:
    """Holds the hosts of this process.  Written under the lock; a forked child begins anew."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing has been started."""
        self.lock = threading.Lock()
        self._hosts: dict[str, LoopThread] = {}
        self._exit = ScriptExit(self.running)

    def running(self) -> list[LoopThread]:
        """Return the hosts whose loops still run, the unnamed one first; from any thread."""
        hosts = [host for host in list(self._hosts.values()) if host.is_alive]
        return sorted(hosts, key=lambda host: host.name)

    def find(self, name: str) -> LoopThread | None:
        """Return the host of this name, if its loop still runs."""
        host = self._hosts.get(name)
        return host if host is not None and host.is_alive else None

    def find_jobs(self, jobs: Jobs) -> LoopThread | None:
        """Return the host of a job system, if its loop still runs."""
        return next((host for host in self.running() if host.jobs is jobs), None)

    def present(self) -> Jobs | None:
        """Return the system that code is in: its job's, else the unnamed one, or the only one."""
        hosts = self.running()
        context = CURRENT.get()
        if context is not None:
            for host in hosts:
                if host.jobs is not None and host.jobs._system.core is context._system:
                    return host.jobs
        if not hosts or (hosts[0].name and len(hosts) > 1):
            return None
        return hosts[0].jobs

    @property
    def has_terminal(self) -> bool:
        """Whether one of them shows its jobs on the terminal."""
        return any(host.arguments.get("display") == "terminal" for host in self.running())

    def make(
        self, name: str, arguments: dict[str, Any], notebook: NotebookStore | None, adopts: bool
    ) -> LoopThread:
        """Make a host that ends with the program."""
        self._exit.arm()
        host = LoopThread(arguments, notebook, name=name, adopts=adopts, at_end=self._exit.tell)
        self._hosts[name] = host
        return host

    def remove(self, host: LoopThread) -> None:
        """Take out a host that has ended, or is left behind."""
        if self._hosts.get(host.name) is host:
            del self._hosts[host.name]


STARTED: Final = StartedSystems()
os.register_at_fork(after_in_child=STARTED.forget)
