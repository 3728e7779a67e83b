"""Decisions of others: shown, proved by their own digests, and no part of the chain here."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.config import Approval
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import Project, init
from mlops_jupyter.promotion import history
from mlops_jupyter.promotion.approval import approve, waiting
from mlops_jupyter.promotion.recording.ledger import verify
from mlops_jupyter.sharing import incoming
from mlops_jupyter.sharing.bundle import Bundle
from mlops_jupyter.sharing.outgoing import Writer
from mlops_jupyter.sharing.pull import pull
from mlops_jupyter.sharing.push import push
from tests.promotion.decided import judged

MODEL = "late"


@pytest.fixture
def mine(tmp_path: Path) -> Project:
    return init(tmp_path / "mine")


@pytest.fixture
def theirs(tmp_path: Path) -> Project:
    return init(tmp_path / "theirs")


def test_an_approval_from_another_machine(
    mine: Project, theirs: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = str(tmp_path / "shared")
    monkeypatch.setenv("GITHUB_ACTOR", "ada")
    found = judged(mine, MODEL, 1, None, approval=Approval())
    push(mine, shared)

    pull(theirs, shared)
    assert [(d.id, d.digest) for d in history.decisions(theirs, MODEL)] == [
        (found.id, found.digest)
    ]
    monkeypatch.setenv("GITHUB_ACTOR", "grace")
    yes = approve(theirs, MODEL, comment="I looked")
    whole = verify(theirs)
    assert (whole.entries, whole.foreign, whole.problems) == (2, 1, ())
    push(theirs, shared)

    pull(mine, shared)
    waits = waiting(mine, MODEL)
    assert waits is not None
    assert ([a.comment for a in waits.approved], waits.ready) == (["I looked"], True)
    whole = verify(mine)
    assert (whole.entries, whole.foreign, whole.problems) == (2, 1, ())
    shown = history.decision(mine, yes.id)
    assert (shown.number, shown.digest) == (None, yes.digest)


def test_a_record_that_was_changed_on_its_way_is_refused(mine: Project, theirs: Project) -> None:
    judged(mine, MODEL, 1, None, "fail")
    (bundle,) = Writer(mine).all_of("decision")
    (row,) = bundle.tables["ledger"]
    forged = str(row["entry"]).replace('"verdict":"fail"', '"verdict":"pass"')
    assert forged != row["entry"]
    other = Bundle(
        bundle.format, bundle.kind, bundle.id,
        {**bundle.tables, "ledger": [{**row, "entry": forged}]},
    )  # fmt: skip

    incoming.check(theirs, bundle)
    with pytest.raises(IntegrityError, match="a ledger entry is not what its digest says"):
        incoming.check(theirs, other)
