"""The frames between a process and its parent."""

from __future__ import annotations

import builtins
import socket
import sys
import threading
from typing import Any

import pytest

from jobactors.model.error_text import ErrorText
from jobactors.runners.process_listener import Frames
from jobactors.runners.process_wire import (
    HEADER,
    Kind,
    header,
    pack_error,
    pack_result,
    pack_work,
    unpack,
    unpack_error,
)

TEXT = ErrorText("m.Kind", "message", "traceback")


@pytest.mark.parametrize("content", [b"", b"x", b"ab" * 100_000])
def test_a_frame_arrives_as_it_was_sent(content: bytes) -> None:
    """Empty and long ones too."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        frame = header(Kind.LOG, content) + content
        ours.setblocking(False)
        sent = ours.send(frame)
        ours.setblocking(True)
        if sent == len(frame):
            kind, received = Frames(theirs).receive()
            assert (kind, bytes(received)) == (Kind.LOG, content)
        else:
            assert HEADER.unpack(theirs.recv(HEADER.size)) == (Kind.LOG, len(content))


def test_frames_that_come_together_are_read_one_by_one() -> None:
    """Empty ones, short ones, and one of which only the beginning has come."""
    ours, theirs = socket.socketpair()
    contents = [b"", b"abc", b"", b"x" * 100_000, b"def"]
    sent = b"".join(header(Kind.LOG, content) + content for content in contents)
    with ours, theirs:
        sender = threading.Thread(target=ours.sendall, args=(sent,))
        sender.start()
        frames = Frames(theirs)
        assert [bytes(frames.receive()[1]) for _ in contents] == contents
        sender.join()


def test_the_end_of_the_socket_is_told() -> None:
    """In the middle of a frame as well."""
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(header(Kind.LOG, b"abc") + b"a")
        ours.close()
        with pytest.raises(EOFError):
            Frames(theirs).receive()


def test_an_exception_travels_with_its_text() -> None:
    """Both are there on the other side."""
    exc, text = unpack_error(pack_error(ValueError("x"), TEXT))
    assert repr(exc) == "ValueError('x')"
    assert text == TEXT


class Hostile(Exception):
    """Becomes something else when it is rebuilt."""

    def __reduce__(self) -> Any:
        return str, ("no exception",)


def test_what_would_be_rebuilt_as_something_else_is_rebuilt_from_its_parts() -> None:
    """It would be raised, and that must be possible."""
    exc, text = unpack_error(pack_error(Hostile("x"), TEXT))
    assert (type(exc), str(exc), text) == (Hostile, "x", TEXT)


class Coded(Exception):
    """Takes more than it passes on."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def test_an_exception_in_a_value_is_rebuilt_without_its_constructor() -> None:
    """A result may hold the errors that were collected, one of them itself."""
    error = Coded("x", 3)
    error.args = ("x", error)
    (twin,) = unpack(pack_result([error]))
    assert (type(twin), twin.code, twin.args) == (Coded, 3, ("x", twin))


def test_a_call_travels() -> None:
    """A lambda, its arguments."""
    function, args, kwargs = unpack(pack_work(lambda x, y: x + y, (1,), {"y": 2}))
    assert function(*args, **kwargs) == 3


def test_without_cloudpickle_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(builtins.ModuleNotFoundError, match=r"jobactors\[process\]"):
        pack_work(print, (), {})
    with pytest.raises(TypeError, match="frozenset"):
        pack_result(frozenset())
    assert unpack(pack_result(3)) == 3
