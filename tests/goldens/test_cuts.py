"""Notebooks that others left as they are: cut as they should be, or refused in one clear line."""

from __future__ import annotations

import pytest

from tests.goldens import cuts, messy


@pytest.mark.parametrize("name", messy.goldens())
def test_cut(name: str) -> None:
    path = messy.place(name)
    if not path.exists():
        pytest.skip(
            "not fetched: `python tests/goldens/messy.py` gets it, where there is a network"
        )
    assert cuts.cut(path) == cuts.goldens()[name]
    cuts.check(path)


EVERY = sorted((messy.CASES / "run").rglob("*.ipynb"))


@pytest.mark.skipif(not EVERY, reason="none is fetched")
def test_none_of_those_that_run_crashes() -> None:
    for path in EVERY:
        assert cuts.cut(path)
        cuts.check(path)
