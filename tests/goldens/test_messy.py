"""What we say of the hidden state and the staleness of notebooks that others left so."""

from __future__ import annotations

import pytest

from tests.goldens.messy import goldens, place, said


@pytest.mark.parametrize("name", goldens())
def test_verdict(name: str) -> None:
    path = place(name)
    if not path.exists():
        pytest.skip(
            "not fetched: `python tests/goldens/messy.py` gets it, where there is a network"
        )
    assert said(path) == goldens()[name]
