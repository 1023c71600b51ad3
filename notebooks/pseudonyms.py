"""Knows what a column may hold, and the pseudonyms of what is in it.

A *code* is a keyed hash of its value: known at once, and the same in every file made with the same
secret. A *number* is short, but can be given only when all names are known; and *prose* can be
searched only for names that are known. Hence `needs_replacements`, and a map made beforehand.
"""

import base64
import hmac
import re
import secrets
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from whole_files import AnonymizeError

Columns = Mapping[str, str | Sequence[str]]
"""Column → kind: `"aircraft"` one value a cell, `["person"]` a list of them, `"text"` prose."""

Replacer = Callable[[str], str]
"""Cell → what takes its place. Raises KeyError for a name that the prepared map has not."""

TEXT = "text"

_SUFFIXES = frozenset({"Jr", "Jr.", "Sr", "Sr.", "II", "III", "IV"})
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Replacements:
    """The pseudonyms that had to be known before the first row: kind → name → pseudonym.

    Its repr counts and never shows a name.
    """

    numbered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __repr__(self) -> str:
        counts = ", ".join(f"{kind}: {len(names):,}" for kind, names in self.numbered.items())
        return f"<Replacements {counts or 'none needed'}>"


@dataclass(frozen=True)
class Column:
    """A chosen column, what is in it, and in which form."""

    name: str
    kind: str
    form: Literal["one", "list", "text"]


def needs_replacements(columns: Columns) -> bool:
    """Tell whether `anonymize_csv` wants a prepared map for these columns."""
    return any(column.form != "one" for column in understood(columns))


def understood(columns: Columns) -> list[Column]:
    """Check what a caller said about columns, or raise `AnonymizeError` with a right example."""
    if not columns:
        raise AnonymizeError('No column is chosen. Pass some, such as {"tailnum": "aircraft"}')
    chosen = [_column(name, said) for name, said in columns.items()]
    if any(c.form == "text" for c in chosen) and all(c.form != "list" for c in chosen):
        raise AnonymizeError(
            'A "text" column is searched for the names of list columns. '
            'Choose one of those too, such as {"Director": ["person"]}'
        )
    return chosen


def _column(name: str, said: str | Sequence[str]) -> Column:
    if said == TEXT:
        return Column(name, TEXT, "text")
    kinds = [said] if isinstance(said, str) else list(said)
    # Kinds begin every pseudonym: a letter first, so that none is read as a formula.
    if len(kinds) != 1 or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,30}", kinds[0]):
        raise AnonymizeError(
            f"Column {name!r} is said to hold {said!r}. "
            'Pass one word of letters, such as "aircraft", or ["person"] for lists'
        )
    return Column(name, kinds[0], "one" if isinstance(said, str) else "list")


def key_of(secret: str | None) -> bytes:
    """Return the key of a secret, a fresh one without it."""
    return secrets.token_bytes(32) if secret is None else secret.encode("utf-8", "surrogatepass")


def _hash(key: bytes, kind: str, value: str) -> bytes:
    return hmac.digest(key, f"{kind}:{value}".encode("utf-8", "surrogatepass"), "sha256")


def _same(value: str) -> str:
    value = value.strip()
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def names_in(cell: str, form: str) -> list[str]:
    """Return the names in a cell, so written that equal names are equal strings."""
    if form == "one":
        return [_same(cell)]
    names: list[str] = []
    for part in cell.split(","):
        name = _same(part)
        if name in _SUFFIXES and names:
            names[-1] += f", {name}"  # "Robert Downey, Jr." is one person
        elif name:
            names.append(name)
    return names


def numbered(kind: str, names: Collection[str], key: bytes) -> dict[str, str]:
    """Give every name a number, in an order that only the key tells."""
    in_order = sorted(names, key=lambda name: _hash(key, kind, name))
    width = max(5, len(str(len(names))))
    return {name: f"{kind}-{number:0{width}}" for number, name in enumerate(in_order, 1)}


def replacers_for(
    places: Sequence[tuple[int, Column]], replacements: Replacements | None, key: bytes
) -> list[tuple[int, Replacer]]:
    """Return what replaces the cells of each place, or raise `AnonymizeError` without a map."""
    kinds = sorted({column.kind for _, column in places if column.form == "list"})
    prepared = replacements.numbered if replacements is not None else {}
    if missing := [kind for kind in kinds if kind not in prepared]:
        raise AnonymizeError(
            f"No map is prepared for {', '.join(missing)}. "
            "Pass replacements=prepare_replacements(source, columns)"
        )
    maps = {kind: prepared[kind] for kind in kinds}
    return [(index, _replacer(column, maps, key)) for index, column in places]


def _replacer(column: Column, maps: Mapping[str, Mapping[str, str]], key: bytes) -> Replacer:
    if column.form == "text":
        return _Mask(maps.values())
    if column.kind in maps:
        return _lookup(maps[column.kind], column.form)
    return _coder(key, column.kind)


def _coder(key: bytes, kind: str) -> Replacer:
    # Bounded, so that a column of a billion different values needs no more memory than a small one.
    @lru_cache(maxsize=8192)
    def code(cell: str) -> str:
        text = base64.b32encode(_hash(key, kind, _same(cell))).decode("ascii").lower()
        return f"{kind}-{text[:5]}-{text[5:10]}"

    return code


def _lookup(prepared: Mapping[str, str], form: str) -> Replacer:
    def look_up(cell: str) -> str:
        return ", ".join([prepared[name] for name in names_in(cell, form)])

    return look_up


class _Mask:
    """Replaces the known names in prose, the longest first.

    Names of one word are left alone: *Eve*, *Max* and *You* are words, too. One expression of all
    names would try each at every place; here a place is tried for the few names that begin with
    the word found there.
    """

    def __init__(self, maps: Iterable[Mapping[str, str]]) -> None:
        by_word: dict[str, list[tuple[str, int, str]]] = defaultdict(list)
        for prepared in maps:
            for name, pseudonym in prepared.items():
                word = _WORD.search(name)
                if word is not None and " " in name:
                    by_word[word[0]].append((name, word.start(), pseudonym))
        self._by_word = {
            word: sorted(names, key=lambda known: -len(known[0])) for word, names in by_word.items()
        }

    def __call__(self, cell: str) -> str:
        text = cell if cell.isascii() else unicodedata.normalize("NFC", cell)
        pieces: list[str] = []
        done = 0
        for word in _WORD.finditer(text):
            found = self._name_at(text, word, done)
            if found is not None:
                start, end, pseudonym = found
                pieces += (text[done:start], pseudonym)
                done = end
        return "".join((*pieces, text[done:])) if pieces else cell

    def _name_at(self, text: str, word: re.Match[str], done: int) -> tuple[int, int, str] | None:
        for name, offset, pseudonym in self._by_word.get(word[0], ()):
            start = word.start() - offset
            end = start + len(name)
            if start >= done and text.startswith(name, start) and not text[end : end + 1].isalnum():
                return start, end, pseudonym
        return None
