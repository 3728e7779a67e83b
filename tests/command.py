"""The command ``mlops``, in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from mlops_jupyter.cli.main import cli, main

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


def program(folder: Path) -> str:
    """Write the command `mlops` of these tests into a new folder for the PATH; return it."""
    folder.mkdir()
    root = Path(__file__).parents[1]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    file = folder / "mlops"
    file.write_text(
        f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" -m mlops_jupyter.cli.main "$@"\n'
    )
    file.chmod(0o755)
    return str(folder)


def parsed(words: list[str]) -> click.Context:
    """Parse a command line as far as its last command, without running it."""
    command: click.Command = cli
    context = click.Context(command, info_name="mlops", **cli.context_settings)
    while isinstance(command, click.Group) and words and words[0][:1] != "-":
        _, child, rest = command.resolve_command(context, words)
        assert child is not None, f"no command {words[0]!r}"
        command, words = child, rest
    return command.make_context(command.name, list(words), parent=context)
