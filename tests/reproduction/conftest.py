"""Fixtures of the reproduction's tests: a session that was recorded, and the command."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.runs import history
from tests.kernel import Kernel

Session = Callable[..., str]
"""Executes cells one after the other and returns the id of the newest run."""


@pytest.fixture
def session(offline: Project, kernel: Kernel) -> Session:
    """Return a function that executes cells in a recorded kernel."""

    def execute(*cells: str, fails: tuple[int, ...] = ()) -> str:
        for number, source in enumerate(cells, 1):
            answer = kernel.run(source)
            assert answer.status == ("error" if number in fails else "ok"), answer.error
            assert "not recorded" not in answer.text, answer.text
        return history.page(offline).runs[0].id

    return execute
