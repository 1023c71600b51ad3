"""Functions registered under a name."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from jobactors.model import job_type as module
from jobactors.model.job_type import job_type_named, job_type_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def registered() -> Iterator[dict[str, ja.JobType]]:
    """The register, as empty as in a new process, and afterwards as it was."""
    import jobactors.engine.attempt.chain_type  # noqa: F401 - declares the built-in type, which comes back

    table = module._registered
    before = dict(table)
    table.clear()
    yield table
    table.clear()
    table.update(before)


def test_a_function_stays_as_it_is_and_is_found_by_its_name() -> None:
    def index(folder: str) -> str:
        return folder.upper()

    marked = ja.job("index", label="Index", category="Search", unique=True, priority="high")(index)
    assert marked is index
    kind = job_type_named("index")
    assert kind is job_type_of(index)
    assert (kind.name, kind.function, kind.label) == ("index", index, "Index")
    assert (kind.category, kind.unique, kind.options.priority) == ("Search", True, 10)


def test_a_function_that_was_not_registered_has_no_type() -> None:
    assert job_type_of(len) is None
    assert ja.job_types() == {}


def test_an_alias_finds_the_type_and_is_not_listed() -> None:
    @ja.job("index", aliases=("make_index", "reindex"))
    def index() -> None: ...

    assert job_type_named("make_index") is job_type_named("reindex") is job_type_named("index")
    assert list(ja.job_types()) == ["index"]


def test_a_bare_string_is_one_alias_and_not_its_letters(
    registered: dict[str, ja.JobType],
) -> None:
    @ja.job("index", aliases="old")
    def index() -> None: ...

    assert set(registered) == {"index", "old"}


def test_declaring_a_name_again_replaces_the_earlier_function() -> None:
    @ja.job("index", aliases=("old",))
    def first() -> None: ...

    @ja.job("index")
    def second() -> None: ...

    assert job_type_named("index").function is second
    assert job_type_of(first) is not job_type_of(second)


def test_an_alias_that_is_no_longer_declared_finds_nothing() -> None:
    """And not the function of before the cell was edited."""

    @ja.job("index", aliases=("old",))
    def first() -> None: ...

    @ja.job("index")
    def second() -> None: ...

    with pytest.raises(ja.UnknownJobType):
        job_type_named("old")


def test_a_name_means_one_type() -> None:
    """Whoever comes second hears of it, whichever of the two is the alias."""

    def work() -> None: ...

    ja.job("index", aliases=["old", "older"])(work)
    for name, aliases, whose in [
        ("search", "index", "the name of the job type 'index'"),
        ("search", ["new", "index"], "the name of the job type 'index'"),
        ("old", (), "an alias of the job type 'index'"),
    ]:

        def other() -> None: ...

        with pytest.raises(ValueError, match=whose):
            ja.job(name, aliases=aliases)(other)
        assert job_type_of(other) is None
    assert list(ja.job_types()) == ["index"]
    assert job_type_named("old").function is work


def test_several_types_may_share_an_alias_which_then_names_none_of_them() -> None:
    """As when one type was divided into two."""

    @ja.job("index_online", aliases="index")
    def online() -> None: ...

    assert job_type_named("index").function is online

    @ja.job("index_archive", aliases=["index", "archive"])
    def archive() -> None: ...

    with pytest.raises(ja.UnknownJobType) as caught:
        job_type_named("index")
    assert str(caught.value) == (
        "'index' is an alias of the job types index_online and index_archive: take the name of "
        "one of them"
    )
    assert job_type_named("archive").function is archive
    ja.job("index_archive", aliases="archive")(archive)
    assert job_type_named("index").function is online, "the other one has given it up"
    assert list(ja.job_types()) == ["index_online", "index_archive"]


def test_a_type_is_renamed_by_running_its_cell_again() -> None:
    def declare(name: str, *aliases: str) -> Any:
        @ja.job(name, aliases=aliases)
        def index() -> None: ...

        return index

    declare("index", "old")
    index = declare("index_online", "index")
    assert list(ja.job_types()) == ["index_online"]
    assert job_type_named("index").function is index
    with pytest.raises(ja.UnknownJobType):
        job_type_named("old")


def test_a_type_may_take_back_its_own_aliases_and_repeat_itself() -> None:
    def work() -> None: ...

    ja.job("index", aliases=["old", "old", "index"])(work)
    assert job_type_named("index").aliases == ("old",)
    ja.job("index")(work)
    ja.job("old")(lambda: None)
    assert sorted(ja.job_types()) == ["index", "old"]


@pytest.mark.parametrize("aliases", [[3], [""], [None]])
def test_an_alias_is_a_name(aliases: Any) -> None:
    with pytest.raises(TypeError, match="earlier names"):
        ja.job("index", aliases=aliases)


def test_a_built_in_type_is_not_replaced(registered: dict[str, ja.JobType]) -> None:
    from jobactors.engine.attempt.chain_type import run_chain

    chain = job_type_of(run_chain)
    assert chain is not None
    registered["chain"] = chain
    assert ja.job_types()["chain"].category == "built-in"
    with pytest.raises(ValueError, match="built in"):
        ja.job("chain")(lambda: None)


def test_a_list_of_types_has_something_to_show_for_each() -> None:
    @ja.job("index", label="Index documents", category="Search", icon="🔍")
    def index() -> None:
        """Put documents into the index.

        And more.
        """

    @ja.job("train", label=lambda epochs: f"Train {epochs}", description="Fit the model.")
    def train(epochs: int) -> None:
        """Not this."""

    @ja.job("plain")
    def plain() -> None: ...

    shown = {k.name: (k.icon, k.title, k.description) for k in ja.job_types().values()}
    assert shown == {
        "index": ("🔍", "Index documents", "Put documents into the index."),
        "train": ("", "train", "Fit the model."),
        "plain": ("", "plain", ""),
    }
    assert list(ja.job_types("Search")) == ["index"]
    assert job_type_named("train").label_for(epochs=3) == "Train 3"
    assert job_type_named("index").label_for(1, 2) == "Index documents"


def test_an_unknown_name_lists_the_known_and_says_what_to_import() -> None:
    @ja.job("train")
    def train() -> None: ...

    @ja.job("index")
    def index() -> None: ...

    with pytest.raises(ja.UnknownJobType) as caught:
        job_type_named("indx")
    assert str(caught.value) == (
        "no job type 'indx' (did you mean \"index\"?): import the module that declares "
        "it with @ja.job "
        "(registered: index, train)"
    )
    assert caught.value.known == ("index", "train")


def test_without_any_type_the_message_says_so() -> None:
    with pytest.raises(KeyError, match=r"registered: none yet"):
        job_type_named("index")


@pytest.mark.parametrize("name", [lambda: None, "", None, 3])
def test_a_job_type_needs_a_name(name: Any) -> None:
    with pytest.raises(TypeError, match=r'takes a name: @ja\.job\("index"\)'):
        ja.job(name)


def test_an_unknown_option_is_refused_before_anything_is_registered() -> None:
    with pytest.raises(TypeError, match="unknown option prio"):
        ja.job("index", prio="high")  # type: ignore[call-arg]
    assert ja.job_types() == {}


@pytest.mark.parametrize("function", [time.sleep, 3], ids=["a builtin", "no function"])
def test_what_cannot_be_marked_is_refused_and_not_registered(function: Any) -> None:
    with pytest.raises(TypeError, match="marks a function made with def"):
        ja.job("sleep")(function)
    assert ja.job_types() == {}


def test_a_label_may_follow_from_the_arguments() -> None:
    @ja.job("index", label=lambda folder: f"Index {folder}")
    def index(folder: str) -> None: ...

    label = job_type_named("index").label
    assert callable(label)
    assert label(folder="wiki") == "Index wiki"
