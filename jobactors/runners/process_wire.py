"""The frames between a job's process and its parent, and how values are packed into them.

Both share one socket.  A frame is its kind, the length of its content, and the content.  Text that
people can read (samples, log lines) is JSON or text; values that only Python can read (the
function, its result, its exception), and the labels of each job, which would take five times as
long as JSON, are a pickle that never leaves memory.

::

    parent                              child
    BEGIN, WORK                 ──►     calls the function
    CANCEL, PAUSE, RESUME, TELL ──►     obeys at its next point
                                ◄──     SAMPLE, SAVED, LOG, REACHED, TAKEN, ANSWER
                                ◄──     UNFIT, if it is not called: a file was edited
                                ◄──     FIT, if it left its process clean
                                ◄──     once, as its last word: RETURNED, ANSWERED, RAISED
                                        or STOPPED
"""

from __future__ import annotations

import pickle
import struct
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from jobactors.model.error_text import ErrorText
from jobactors.model.errors import JobactorsError, JobFailed
from jobactors.model.exception_parts import put_together, take_apart
from jobactors.model.outcome import Raised

from .process_pickler import is_plain, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.inside.context.job_context import JobContext

HEADER: Final = struct.Struct("!BQ")


class Kind(IntEnum):
    """The kind of a frame."""

    BEGIN = 1
    """Pickle, of plain values: the attributes of the job's context, its trace, its checkpoints, the
    limits, and whether it is alone: no job follows it in its process."""
    WORK = 2
    """Pickle: function, arguments, keyword arguments."""
    CANCEL = 3
    """Text: the reason, which may be empty."""
    PAUSE = 4
    """Text: the number of the pause, which REACHED repeats."""
    RESUME = 5
    """Nothing."""
    TELL = 6
    """The number of a question, or 0, and a pickle: a message for the job's inbox."""
    GRANT = 7
    """Nothing: a run on a cluster may begin, see ``dask_fence``."""
    REFUSE = 8
    """Text: the reason for which such a run may not begin."""
    SAMPLE = 16
    """JSON: the fields of ``Progress``."""
    LOG = 17
    """Text: a line with the source ("out", "err", a logging level), then the job's own lines."""
    REACHED = 18
    """Text: the number of the pause in which the job now stands still."""
    RETURNED = 19
    """Pickle: the result."""
    RAISED = 20
    """Pickle: the exception in parts, and its text, see :func:`pack_error`."""
    STOPPED = 21
    """Nothing: the function was unwound by the cancel."""
    TAKEN = 22
    """Nothing: the job has read the next message of its inbox."""
    ANSWER = 23
    """The number of a question, and its answer, see :func:`pack_answer`."""
    SAVED = 24
    """JSON: the last checkpoint of one part, and the parts that have files or are lasting."""
    ANSWERED = 25
    """Pickle: the result of a function that was notified of the cancel before it returned."""
    BEGUN = 26
    """JSON: a worker of a cluster is about to begin a run."""
    HELD = 27
    """JSON: the type and size of a result that stays on its cluster."""
    FIT = 28
    """Before a last word, from a process that may serve another job.  ``SHORT`` if the last word is
    a value of which no class is the program's, and which is rebuilt in a moment; or nothing."""
    UNFIT = 29
    """Nothing: the process would be another one if it were started now, as a module of the program
    was edited.  It has called nothing, and ends."""


SHORT: Final = b"short"
LOST_LINK: Final = 97
"""The exit code of a process that has closed the socket itself: it cannot send that in a frame."""
LAST_WORDS: Final = frozenset({Kind.RETURNED, Kind.ANSWERED, Kind.RAISED, Kind.STOPPED, Kind.UNFIT})


def labels_of(context: JobContext) -> dict[str, Any]:
    """Return the attributes of a job's context that the one on the other side has as well."""
    return {
        name: getattr(context, name)
        for name in ("id", "name", "type", "subject", "part", "attempt")
    }


def header(kind: Kind, content: bytes) -> bytes:
    """Return the bytes before ``content`` on the wire."""
    return HEADER.pack(kind, len(content))


def pack_work(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Pickle a call, functions of a notebook's cell or a script's ``__main__`` included.

    Raises:
        TypeError: if something in it cannot be pickled; the message names it.
        ModuleNotFoundError: if cloudpickle is not installed.
    """
    try:
        return pickled((function, args, kwargs))
    except ModuleNotFoundError:
        raise
    except Exception as exc:  # pickling runs the code of the pickled classes
        from .process_culprit import why_not_pickled

        why = why_not_pickled(exc, function, args, kwargs, pickled)
        raise TypeError(
            f"this call cannot be sent to a process: {why}; give it what can be pickled (a path "
            'instead of an open file), or use runner="thread"'
        ) from exc


def pack_message(message: object) -> bytes:
    """Pickle a message for a job's inbox, or an answer to one.

    Raises:
        TypeError: if it cannot be pickled.
    """
    try:
        return pickled(message)
    except Exception as exc:  # as above
        raise TypeError(
            f"a message to or from a job in its own process has to be pickled: {exc}"
        ) from exc


def pack_result(value: object, place: str = "process") -> bytes:
    """Pickle the result of a function.

    Args:
        value: The result.
        place: Where the function ran, for the error.

    Raises:
        TypeError: if it cannot be pickled.
    """
    if is_plain(value):
        return pickle.dumps(value)  # it needs no cloudpickle, which takes a while to be imported
    try:
        return pickled(value)
    except Exception as exc:  # as above
        raise TypeError(
            f"the result, of type {type(value).__qualname__}, cannot be sent back from its "
            f"{place}: {exc}; return what can be pickled, or write a file and return its path"
        ) from exc


def pack_answer(value: object, error: BaseException | None) -> bytes:
    """Pickle the answer to a question: a value, or an error in parts.

    Raises:
        TypeError: if the value cannot be pickled.
    """
    parts = None if error is None else take_apart(error, pickled)
    return pickle.dumps((pack_message(value), parts))


def unpack_answer(content: bytes | bytearray) -> tuple[Any, BaseException | None]:
    """Rebuild an answer; raises whatever the value's classes raise.

    An error of whose class nothing is known here is a :class:`JobactorsError` that names it.
    """
    itself, parts = unpack(content)
    if parts is None:
        return unpack(itself), None
    error = put_together(parts, unpack)
    return None, JobactorsError(f"it failed with a {parts.names[0]}") if error is None else error


def unpack(content: bytes | bytearray) -> Any:
    """Rebuild a value pickled on the other side; raises whatever its classes raise."""
    return pickle.loads(content)  # noqa: S301 - from our own child, through memory


def pack_error(exc: BaseException, text: ErrorText) -> bytes:
    """Pickle an exception in parts, with its text; parts that cannot be pickled stay behind."""
    return pickle.dumps((text.type, text.message, text.traceback, take_apart(exc, pickled)))


def unpack_error(content: bytes | bytearray) -> tuple[BaseException | None, ErrorText]:
    """Return the exception, or None if it cannot be rebuilt here, and its text."""
    kind, message, formatted, parts = unpack(content)
    return put_together(parts, unpack), ErrorText(kind, message, formatted)


def unpack_raised(job_id: str, content: bytes | bytearray) -> Raised:
    """Return the ending of a job that has raised; JobFailed if its exception cannot be rebuilt."""
    exc, text = unpack_error(content)
    return Raised.of(JobFailed(job_id, str(text)) if exc is None else exc, text)
