"""Names that nobody makes, that two steps may make, and the history of the kernel."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from mlops_jupyter.pipelines.dataflow import StepFlow, unbound
from mlops_jupyter.pipelines.finding import Finding
from mlops_jupyter.pipelines.source import SourceCell, SourceNotebook

_NUMBERED = re.compile(r"In|Out|_oh|_ih|_i{1,3}|_i?\d+|__|___")


def unbound_names(source: SourceNotebook, given: Collection[str] = ()) -> Iterator[Finding]:
    """Find names that a cell reads and that no cell before it binds, and no other notebook."""
    for cell, name, hint in unbound(source):
        if name in given:
            continue
        yield Finding(
            "unbound-name", "error", cell.position + 1,
            f"reads {name!r}, which no cell before it binds", hint,
        )  # fmt: skip


def history(cells: tuple[SourceCell, ...]) -> Iterator[Finding]:
    """Find cells that read earlier outputs by their number."""
    bound = {name for cell in cells for name in cell.analysis.writes}
    hint = "give the value a name where it is made"
    for cell in cells:
        for name in sorted(cell.analysis.builtins - bound):
            if _NUMBERED.fullmatch(name):
                told = f"reads {name!r}: cells and outputs of a step are numbered differently"
                yield Finding("hidden-state", "error", cell.position + 1, told, hint)
            elif name == "_":
                told = "reads '_', the output that was shown last, whichever it was"
                yield Finding("hidden-state", "warning", cell.position + 1, told, hint)


def two_makers(source: SourceNotebook, flows: tuple[StepFlow, ...]) -> Iterator[Finding]:
    """Find values that a step receives from one step or another, as it happens."""
    for number, flow in enumerate(flows):
        for name in flow.receives:
            certain, maybe = "", None
            for step in source.steps[:number]:
                for cell in step.code:
                    if name in cell.analysis.settles:
                        certain, maybe = step.name, None
                    elif name in cell.analysis.writes and certain not in {"", step.name}:
                        maybe = (step.name, cell)
            if maybe is not None:
                by, cell = maybe
                yield Finding(
                    "two-makers", "warning", cell.position + 1,
                    f"step {by!r} binds {name!r} only on some way through this cell: step "
                    f"{source.steps[number].name!r} receives it from {by!r} or from {certain!r}",
                    "bind it on every way, or give it another name",
                )  # fmt: skip
