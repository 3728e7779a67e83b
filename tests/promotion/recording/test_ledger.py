"""The chain of decisions: whatever is changed in it, or taken out of it, is found and named."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.project import Project, init, now, open_project
from mlops_jupyter.promotion import history
from mlops_jupyter.promotion.recording import chain, record
from mlops_jupyter.promotion.recording.ledger import verify
from tests.promotion.decided import judged

MODEL = "late"
INSERT = "INSERT INTO decision (id, model, kind, to_version, reason, actor, decided_at) VALUES"

ADDED = (
    f"{INSERT} ('f00', 'late', 'promote', 9, 'mine', 'mallory', '2020-01-01T00:00:00Z');"
    " INSERT INTO decision_state VALUES ('f00', 'applied', '2020')"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with a chain of seven entries."""
    made = init(tmp_path_factory.mktemp("ledger") / "flights")
    for verdict in ("pass", "hold", "fail", "error"):
        judged(made, MODEL, 1, None, verdict)
    found = judged(made, MODEL, 2, None)
    intended = record.new(made, found, "promote", "intended", reason='<b>\n🙂 it\'s "good"</b>')
    record.close(made, record.write(made, intended, record.moving(found, intended, ())), "void")
    with made.catalog.transaction() as rows:  # else each look at the chain would try MLflow
        rows.execute("UPDATE decision_outbox SET done_at = ?", (now(),))
    return made


@contextmanager
def tampered(project: Project) -> Iterator[sqlite3.Connection]:
    """Give the catalog to somebody who may do anything, and put it right again afterwards."""
    connection = sqlite3.connect(project.catalog.path, isolation_level=None)
    before = sqlite3.connect(":memory:")
    connection.backup(before)
    try:
        connection.execute("DROP TRIGGER ledger_stays")
        connection.execute("DROP TRIGGER ledger_is_not_changed")
        yield connection
    finally:
        before.backup(connection)
        connection.close()
        before.close()


def entries(project: Project) -> list[sqlite3.Row]:
    return project.catalog.rows("SELECT * FROM ledger ORDER BY number")


def said(project: Project) -> str:
    return "\n".join(map(str, verify(project).problems))


def test_a_chain_that_nobody_touched(project: Project) -> None:
    found = verify(project)

    assert found.problems == ()
    assert (found.entries, found.unchained, found.foreign) == (8, 0, 0)
    assert found.head == f"8 {entries(project)[-1]['digest']}"
    assert [row["number"] for row in entries(project)] == list(range(1, 9))


def test_what_a_record_holds(project: Project) -> None:
    (found, *_) = [d for d in history.decisions(project, MODEL) if d.kind == "hold"]

    kept = chain.record(project, found.id)

    assert kept is not None
    assert kept["policy"]["checks"][0]["floor"]["at_least"] == 0.8
    assert kept["policy_digest"].startswith("blake3:")
    assert kept["report"]["checks"][0]["why"] == "0.7 is below 0.8, by 0.1"
    assert kept["data"] == {"ref": "flights@7", "digest": None, "rows_digest": "", "rows": 400}
    assert {"numpy", "mlflow", "scikit-learn"} <= kept["libraries"].keys()
    assert (kept["actor"], kept["utc"]) == (found.actor, found.decided_at)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_byte_of_any_entry(project: Project, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(entries(project)))
    content = row["entry"].encode()
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != content[place]))
    changed = content[:place] + bytes([byte]) + content[place + 1 :]

    with tampered(project) as catalog:
        catalog.execute(
            "UPDATE ledger SET entry = CAST(? AS TEXT) WHERE number = ?", (changed, row["number"])
        )

        assert f"entry {row['number']}" in said(project)


@pytest.mark.parametrize("number", range(1, 9))
def test_any_entry_that_is_taken_out(project: Project, number: int) -> None:
    with tampered(project) as catalog:
        catalog.execute("DELETE FROM ledger WHERE number = ?", (number,))

        # the last one is missed by the list of states; by itself, only an anchor tells
        assert (f"entry {number}: is missing" in said(project)) is (number < 8)
        assert said(project)


@pytest.mark.parametrize("number", range(2, 8))
def test_and_all_that_is_listed_of_it(project: Project, number: int) -> None:
    (id_,) = [row["decision_id"] for row in entries(project) if row["number"] == number]
    with tampered(project) as catalog:
        catalog.execute("DELETE FROM ledger WHERE decision_id = ?", (id_,))
        catalog.execute("DELETE FROM decision_state WHERE decision_id = ?", (id_,))
        catalog.execute("DELETE FROM decision_outbox WHERE decision_id = ?", (id_,))
        catalog.execute("DELETE FROM decision WHERE id = ?", (id_,))

        if number < 7:
            assert f"entry {number}: is missing" in said(project)


@settings(max_examples=30, deadline=None)
@given(places=st.lists(st.integers(1, 8), min_size=2, max_size=2, unique=True))
def test_any_two_that_are_swapped(project: Project, places: list[int]) -> None:
    one, other = places
    with tampered(project) as catalog:
        for old, new in ((one, -1), (other, one), (-1, other)):
            catalog.execute("UPDATE ledger SET number = ? WHERE number = ?", (new, old))

        assert f"entry {one}" in said(project)
        assert f"entry {other}" in said(project)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE decision SET reason = 'fine' WHERE kind = 'hold'", "listed with another reason"),
        ("UPDATE decision SET kind = 'pass' WHERE kind = 'hold'", "listed with another kind"),
        ("UPDATE decision SET override = 1 WHERE kind = 'hold'", "another is_override"),
        (
            "UPDATE decision SET report = replace(report, '0.7 is below', '0.9 is above')",
            "listed with another report",
        ),
        ("DELETE FROM decision_state WHERE state = 'void'", "its states are listed as intended"),
        (
            "UPDATE ledger SET digest = 'blake3:' || hex(zeroblob(32)) WHERE number = 3",
            "entry 3, decision .*: was changed: it is not what its digest says",
        ),
        ("DELETE FROM ledger", "its entry in the chain is missing"),
        (
            ADDED,
            "decision f00: was added to the list of decisions, and is in no chain",
        ),
    ],
)
def test_what_is_listed(project: Project, sql: str, found: str) -> None:
    with tampered(project) as catalog:
        catalog.executescript(sql)

        assert re.search(found, said(project))


class TestBeforeThereWasAChain:
    @pytest.fixture
    def old(self, project: Project, tmp_path: Path) -> Project:
        made = init(tmp_path / "old")
        with made.catalog.transaction() as rows:
            rows.execute(
                f"{INSERT} ('0ld', 'late', 'promote', 1, 'good', 'ada', '2020-01-01T00:00:00Z')"
            )
            rows.execute("INSERT INTO decision_state VALUES ('0ld', 'applied', '2020')")
        return made

    def test_they_stay_readable_and_are_counted(self, old: Project) -> None:
        (made,) = history.decisions(old, MODEL)

        assert (made.number, made.digest, made.reason) == (None, None, "good")
        assert (verify(old).entries, verify(old).unchained, verify(old).problems) == (0, 1, ())

    def test_the_first_entry_binds_them(self, old: Project) -> None:
        judged(old, MODEL, 1, None)
        with tampered(old) as catalog:
            catalog.execute("UPDATE decision SET actor = 'mallory' WHERE id = '0ld'")

            assert "decision 0ld: was made before the chain was opened, and was changed" in said(
                old
            )


def test_the_catalog_refuses_to_change_the_record(project: Project) -> None:
    for sql in ("UPDATE ledger SET entry = '{}'", "DELETE FROM ledger"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            project.catalog.rows(sql)


def write_ten(root: Path) -> None:
    project = open_project(root)
    for _ in range(10):
        judged(project, MODEL, 1, None)


def test_two_processes_leave_no_gap(tmp_path: Path) -> None:
    root = init(tmp_path / "flights").root

    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(write_ten, [root, root]))

    assert verify(open_project(root)).problems == ()
    assert verify(open_project(root)).entries == 21
