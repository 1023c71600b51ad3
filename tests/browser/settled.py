"""Waits for what a script finds in a page: a page settles a moment after what has changed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import TimeoutError as LateError

if TYPE_CHECKING:
    from playwright.sync_api import Locator

PATIENT_MS = 10_000


def expect_nothing(of: Locator, script: str, argument: object = None) -> None:
    """Wait until a script finds nothing wrong in an element; fail with what it finds at last.

    Args:
        of: The element.
        script: A function of it and of ``argument`` that returns a list.
        argument: Anything that JSON has.
    """
    _wait(of, f"({script})(element, argument).length === 0", argument)
    assert of.evaluate(script, argument) == []


def expect_true(of: Locator, script: str) -> None:
    """Wait until a function of an element returns a true value."""
    _wait(of, f"Boolean(({script})(element))", None)
    assert of.evaluate(script)


def _wait(of: Locator, condition: str, argument: object) -> None:
    until = f"([element, argument]) => {condition}"
    try:
        of.page.wait_for_function(until, arg=[of.element_handle(), argument], timeout=PATIENT_MS)
    except LateError:
        return  # the assertion shows what is there
