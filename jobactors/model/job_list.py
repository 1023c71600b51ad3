"""``JobList``: snapshots of jobs, which a notebook shows as a table."""

from __future__ import annotations

from .job_summary import summary
from .snapshot import JobSnapshot

_HEADINGS = ("job", "state", "ended", "time at work", "message")


class JobList(list[JobSnapshot]):
    """Snapshots of jobs: a list like any other, that a notebook shows as a table.

    The table shows no arguments, results and logs, and of an error the type alone.
    """

    def _repr_html_(self) -> str:
        from .html_table import html_table  # for a notebook alone

        return html_table(summary(self) or "No jobs", _HEADINGS, map(_cells, self))


def _cells(job: JobSnapshot) -> tuple[object, ...]:
    from .html_table import clock_text

    info, ended = job.info, job.finished_time
    state = "stuck" if job.stuck else job.state.value
    why = job.error.type if job.error is not None else job.waiting
    return (
        " · ".join(filter(None, (info.label_to_save, job.subject))),
        f"{state} ({why})" if why else state,
        "" if ended is None else f"{ended:%Y-%m-%d %H:%M:%S}",
        clock_text(job.elapsed(job.finished_at or job.changed_at)),
        job.progress.message,
    )
