"""The command ``mlops``, in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlops_jupyter.cli.main import main

Mlops = Callable[..., tuple[int, str, str]]
"""Runs a command; returns its exit code and what it printed."""


def runner(capsys: pytest.CaptureFixture[str]) -> Mlops:
    """Return a function that runs a command."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        printed = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, printed.out, printed.err

    return run
