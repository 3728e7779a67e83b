"""Whether the record of decisions is whole: nothing changed, missing, moved or added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_jupyter.errors import ConflictError, ExternalError
from mlops_jupyter.models import notes, registry
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import history, moving
from mlops_jupyter.promotion.awaited import named
from mlops_jupyter.promotion.recording import chain, publish
from mlops_jupyter.store.objects import digest_of

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written.

    Attributes
    ----------
    number : int or None
        Of the entry in the chain; None: it is in no chain of this project.
    decision : str or None
        The id of the decision.
    what : str
        In words.
    """

    number: int | None
    decision: str | None
    what: str

    def __str__(self) -> str:
        place = "" if self.number is None else f"entry {self.number}"
        which = "" if self.decision is None else f"decision {self.decision}"
        return f"{', '.join(p for p in (place, which) if p) or 'the record'}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of reading the whole record.

    Attributes
    ----------
    entries : int
        In the chain of this project.
    problems : tuple of Problem
        Empty: nothing was changed, removed, moved or added.
    unchained : int
        Decisions from before there was a chain: they are bound as the chain found them.
    foreign : int
        Entries that came from other projects: each is what its digest says, but whether some
        are missing is known only there.
    head : str or None
        Number and digest of the last entry, to be kept wherever you like.
    notes : tuple of str
        What could not be looked at, and what is no mistake in the record.
    """

    entries: int
    problems: tuple[Problem, ...]
    unchained: int = 0
    foreign: int = 0
    head: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def verify(project: Project) -> Verification:
    """Read the whole record of decisions, and name everything that is not as it was written.

    Each entry is compared with its digest, with the one before it, and with the columns that
    are listed; the last one that MLflow was told of must be there, so that cutting off the end
    is found too. Decisions that a process left unfinished are finished or voided first.

    Parameters
    ----------
    project : Project
    """
    said: list[str] = []
    try:
        moving.finish_dangling(project)
        publish.drain(project)
    except (ExternalError, ConflictError) as error:
        said.append(f"decisions under way were left as they are: {error.message}")
    rows = _read(project, "ledger", "number")
    own = [row for row in rows if row["number"] is not None]
    foreign = [row for row in rows if row["number"] is None]
    problems = [*_links(own), *_contents(foreign), *_columns(project, rows)]
    try:
        problems += _anchors(project, {row["number"]: row for row in own})
        said += _alias(project)
    except ExternalError as error:
        said.append(f"not compared with MLflow: {error.message}")
    sql = "SELECT count(*) FROM decision WHERE NOT chained AND origin IS NULL"
    last = own[-1] if own else None
    return Verification(
        entries=len(own),
        problems=tuple(problems),
        unchained=int(project.catalog.rows(sql)[0][0]),
        foreign=len(foreign),
        head=None if last is None else f"{last['number']} {last['digest']}",
        notes=tuple(said),
    )


def _read(project: Project, table: str, order: str = "") -> list[Row]:
    """Return the rows of a table, also when a text in it is none any more."""
    columns = [row["name"] for row in project.catalog.rows(f"PRAGMA table_info({table})")]
    shown = ", ".join(
        f"CASE typeof({c}) WHEN 'text' THEN CAST({c} AS BLOB) ELSE {c} END AS {c}" for c in columns
    )
    by = order if order in columns else columns[0]
    return [
        {c: row[c].decode(errors="surrogateescape") if isinstance(row[c], bytes) else row[c]
         for c in columns}
        for row in project.catalog.rows(f"SELECT {shown} FROM {table} ORDER BY {by}")
    ]  # fmt: skip


def _links(own: Sequence[Row]) -> Iterator[Problem]:
    """Compare each entry with its digest, and with the one before it."""
    expected, previous = 1, None
    for row in own:
        number = row["number"]
        is_next = number == expected
        if not is_next:
            yield Problem(expected, None, _missing(expected, number))
        entry, wrong = _content(row)
        if wrong is not None:
            yield wrong
        elif entry["number"] != number:
            yield Problem(number, row["decision_id"], f"it was written as entry {entry['number']}")
        elif is_next and entry["previous"] != previous:
            yield Problem(number, row["decision_id"], "does not follow the entry before it")
        expected, previous = number + 1, row["digest"]


def _missing(first: int, there: int) -> str:
    if there < first:
        return f"there is an entry {there} in its place"
    last = there - 1
    return "is missing" if first == last else f"and all up to {last} are missing"


def _contents(rows: Sequence[Row]) -> Iterator[Problem]:
    for row in rows:
        _, wrong = _content(row)
        if wrong is not None:
            yield wrong


def _content(row: Row) -> tuple[dict[str, Any], Problem | None]:
    """Return what an entry says, or what is wrong with it."""
    number, decision = row["number"], row["decision_id"]
    text = row["entry"].encode(errors="surrogateescape")
    if digest_of(text) != row["digest"]:
        return {}, Problem(number, decision, "was changed: it is not what its digest says")
    try:
        entry = msgspec.json.decode(text, type=dict[str, Any])
        listed = row["chain"], row["kind"], decision
        if listed != (entry.get("chain"), entry.get("entry"), entry.get("id")):
            return {}, Problem(number, decision, f"is listed as another one than {entry.get('id')}")
        return {"number": None, "previous": None} | entry, None
    except (msgspec.DecodeError, UnicodeError):
        return {}, Problem(number, decision, "is no record")


def _columns(project: Project, rows: Sequence[Row]) -> Iterator[Problem]:
    """Compare the columns that are listed and sorted by with the entries."""
    records: dict[str, tuple[Row, dict[str, Any]]] = {}
    states: dict[str, dict[str, str]] = defaultdict(dict)
    before: dict[str, str] | None = None  # there is no chain
    for row in rows:
        entry, wrong = _content(row)
        if wrong is not None:
            continue  # that is said already
        if entry["entry"] == "opened":
            before = entry.get("unchained", {})
            continue
        if entry["state"] in states[entry["id"]]:
            yield Problem(row["number"], entry["id"], f"became {entry['state']} twice")
        states[entry["id"]][entry["state"]] = entry["utc"]
        if entry["entry"] == "decision":
            records[entry["id"]] = row, entry
    found = {row["id"]: row for row in _read(project, "decision")}
    kept: dict[str, dict[str, str]] = defaultdict(dict)
    for row in _read(project, "decision_state"):
        kept[row["decision_id"]][row["state"]] = row["at"]
    for id_, (row, entry) in records.items():
        yield from _differences(row["number"], entry, found.get(id_), states[id_], kept[id_])
    yield from _outside(found, records, before)


def _differences(
    number: int | None,
    entry: dict[str, Any],
    row: Row | None,
    states: dict[str, str],
    kept: dict[str, str],
) -> Iterator[Problem]:
    if row is None:
        yield Problem(number, entry["id"], "is in the chain, and not in the list of decisions")
        return
    listed = {
        **{name: row[column] for name, column in _LISTED.items()},
        "is_override": bool(row["override"]),
    }
    other = sorted(name for name, value in listed.items() if entry.get(name) != value)
    report = None if row["report"] is None else msgspec.json.decode(row["report"])
    if report != (None if entry["judged_id"] else entry.get("report")):
        other.append("report")
    if other:
        yield Problem(number, entry["id"], f"is listed with another {', '.join(other)}")
    if states != kept:
        was, is_ = (", ".join(sorted(s)) or "nothing" for s in (states, kept))
        yield Problem(number, entry["id"], f"its states are listed as {is_}, the chain has {was}")


_LISTED = {
    name: name for name in ("id", "model", "kind", "from_version", "to_version", "reason", "actor")
} | {"utc": "decided_at", "judged_id": "judged"}
"""Fields of an entry, and the columns that say the same."""


def _outside(
    found: dict[str, Row], records: dict[str, Any], before: dict[str, str] | None
) -> Iterator[Problem]:
    """Walk the decisions that have no entry."""
    for id_, row in found.items():
        if id_ in records:
            continue
        if row["chained"]:
            yield Problem(None, id_, "its entry in the chain is missing")
        elif row["origin"] is None and before is not None and id_ not in before:
            yield Problem(None, id_, "was added to the list of decisions, and is in no chain")
    bound = before or {}
    now = chain.unchained(row for id_, row in found.items() if id_ in bound)
    for id_, digest in bound.items():
        if id_ not in now:
            yield Problem(None, id_, "was made before the chain was opened, and is gone")
        elif now[id_] != digest:
            yield Problem(None, id_, "was made before the chain was opened, and was changed")


def _anchors(project: Project, own: dict[int, Row]) -> list[Problem]:
    """Compare the chain with what MLflow was told of it."""
    problems = []
    opened = chain.head(project)
    for model in sorted({version.model for version in registry.versions(project)}):
        said = notes.tags_of(project, model)
        if opened is not None and (there := said.get(publish.head_tag(opened.chain))):
            number, _, digest = there.partition(" ")
            row = own.get(int(number)) if number.isdigit() else None
            if row is None or row["digest"] != digest:
                problems.append(
                    Problem(
                        int(number) if number.isdigit() else None, None,
                        f"MLflow was told of it when {model} was decided on, and it is not there",
                    )
                )  # fmt: skip
        problems += _told(project, model, None if opened is None else opened.chain)
    return problems


def _told(project: Project, model: str, opened: str | None) -> Iterator[Problem]:
    """Walk the decisions that MLflow's versions name, and that are not in the record."""
    for version, tags in notes.tags_of_versions(project, model).items():
        digest = tags.get(publish.DIGEST)
        if digest is None or tags.get(publish.CHAIN) != (opened or tags.get(publish.CHAIN)):
            continue  # told by another project
        known = project.catalog.row("SELECT 1 FROM ledger WHERE digest = ?", (digest,))
        if known is None:
            yield Problem(
                None, tags.get(publish.DECISION),
                f"MLflow was told of it for {model} v{version}, and it is not in the record",
            )  # fmt: skip


def _alias(project: Project) -> Iterator[str]:
    """Say which champions nobody here decided on."""
    for summary in history.summaries(project):
        if not summary.decisions or not summary.versions:
            continue
        there = registry.champion(project, summary.name)
        if there != summary.champion:
            yield (
                f"{summary.name}: the champion in MLflow is {named(there)}, and the last decision"
                f" here made it {named(summary.champion)}; somebody moved the alias elsewhere"
            )
