"""``help()``, signatures and type hints of everything that is public."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import inspect
import pydoc
import re
import subprocess
import sys
import textwrap
import typing
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec
import pytest

import jobactors as ja
from jobactors.model import events, field_docs
from jobactors.model.retry import Retry
from jobactors.model.snapshot import JobSnapshot

ROOT: Final = Path(ja.__file__).parents[1]
MODULES: Final = [name for name in ja.__all__ if inspect.ismodule(getattr(ja, name))]
NAMES: Final = [name for name in ja.__all__ if name not in MODULES]
INSIDE_MODULES: Final = [
    value
    for module in MODULES
    for name, value in vars(getattr(ja, module)).items()
    if inspect.isfunction(value) or inspect.isclass(value)
    if getattr(value, "__module__", "") == f"jobactors.{module}" and not name.startswith("_")
]
PUBLIC: Final[list[Any]] = [getattr(ja, name) for name in NAMES] + INSIDE_MODULES


def is_value(public: object) -> bool:
    return isinstance(public, type) and (issubclass(public, msgspec.Struct) or attrs.has(public))


VALUES: Final = [*filter(is_value, PUBLIC)]
FIELDS: Final = [
    (kind, name)
    for kind in VALUES
    for name in (
        kind.__struct_fields__
        if issubclass(kind, msgspec.Struct)
        else [field.name for field in attrs.fields(kind)]
    )
    if not name.startswith("_")
]


def name_of(public: Any) -> str:
    return str(getattr(public, "__name__", public))


def _rendered(public: object) -> str:
    """The text of ``help()`` without the bars beside it."""
    text = pydoc.plain(pydoc.render_doc(public))
    return re.sub(r"^ [|] {0,2}", "", text, flags=re.MULTILINE)


rendered: Final[Callable[[Any], str]] = cache(_rendered)


def entry_of(kind: type[Any], field: str) -> str:
    """What ``help()`` shows of one field."""
    attributes = rendered(kind).partition("\nAttributes:\n")[2]
    found = re.search(rf"^    {field} \(.*?\): (.*\n(?: {{8}}.*\n)*)", attributes, re.MULTILINE)
    assert found, f"help({kind.__name__}) does not describe {field}"
    return " ".join(found[1].split())


@pytest.mark.parametrize("public", PUBLIC, ids=name_of)
def test_help_is_shown(public: object) -> None:
    assert rendered(public)


@pytest.mark.parametrize("public", PUBLIC, ids=name_of)
def test_annotations_are_types_at_run_time(public: Any) -> None:
    typing.get_type_hints(public)


@pytest.mark.parametrize("public", PUBLIC, ids=name_of)
def test_a_signature_is_known(public: Any) -> None:
    if callable(public):
        inspect.signature(public)


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=name_of)
def test_help_describes_a_field_in_words(kind: type[Any], field: str) -> None:
    entry = entry_of(kind, field)
    words = re.sub(r"Default: .*", "", entry)
    assert len(words.split()) >= 2, f"{kind.__name__}.{field} has no text: {entry!r}"


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=name_of)
def test_help_says_the_default_of_a_field_that_has_one(kind: type[Any], field: str) -> None:
    parameter = inspect.signature(kind).parameters[field]
    has_default = parameter.default is not parameter.empty
    assert ("default" in entry_of(kind, field).lower()) is has_default


def test_a_field_of_a_base_is_described_in_each_class() -> None:
    for kind in events.KINDS.values():
        assert "in seconds since the epoch" in entry_of(kind, "at")


def test_the_docstring_is_completed_when_it_is_first_read() -> None:
    program = """
        import jobactors, jobactors.model.field_docs as docs
        [getattr(jobactors, name) for name in jobactors.__all__]
        lazy = vars(jobactors.Retry)["__doc__"]
        assert lazy._complete is None
        assert "Attributes:" in jobactors.Retry.__doc__
        assert lazy._complete
    """
    run_python(program)


def test_the_attributes_stand_before_what_is_raised() -> None:
    assert Retry.__doc__ is not None
    sections = [Retry.__doc__.index(f"\n{title}:") for title in ("Attributes", "Raises", "Example")]
    assert sections == sorted(sections)


def test_without_source_the_fields_are_listed_with_their_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_source(module: object) -> str:
        raise OSError("could not get source code")

    monkeypatch.setattr(inspect, "getsource", no_source)
    text = field_docs.complete("Try again.", Retry)
    assert text.startswith("Try again.\n\nAttributes:\n    max (int): Default: 3.\n")
    text = field_docs.complete("The state.", JobSnapshot)
    assert "    progress (Progress): Default: Progress().\n" in text


def test_help_works_where_python_has_dropped_all_docstrings() -> None:
    run_python("import jobactors, pydoc; pydoc.render_doc(jobactors.Retry)", "-OO")


def test_help_reads_its_texts_from_an_archive(tmp_path: Path) -> None:
    archive = tmp_path / "archive.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for path in sorted((ROOT / "jobactors").rglob("*.py")):
            made.write(path, path.relative_to(ROOT))
    run_python(
        f"""
        import sys
        sys.path.insert(0, {str(archive)!r})
        import jobactors
        assert {archive.name!r} in jobactors.__file__
        assert "Attempts in all" in jobactors.Retry.__doc__
        """
    )


def run_python(program: str, *options: str) -> None:
    """Run a program in an interpreter of its own."""
    command = [sys.executable, *options, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
