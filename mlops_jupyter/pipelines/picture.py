"""A pipeline as a picture: in letters, and as Mermaid (https://mermaid.js.org)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise

from mlops_jupyter.pipelines.declared import declared, read_declared
from mlops_jupyter.pipelines.notebook import Cut, cut_source
from mlops_jupyter.project import Project

SETUP = "setup"
_WIDTH = 68


def cut_declared(project: Project, name: str) -> Cut:
    """Cut the notebook of a pipeline that ``mlops.yaml`` declares; nothing is run.

    Raises
    ------
    NotFoundError, UsageError
        There is no such pipeline, or its notebook cannot be cut.
    """
    return cut_source(read_declared(project, declared(project, name)), name)


def edges(made: Cut) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return what each step receives from which step, or from the setup as a step left it.

    A variable comes from the last step before that may bind it.
    """
    found: dict[tuple[str, str], list[str]] = {}
    names = [step.name for step in made.source.steps]
    bound = [
        {name for cell in step.code for name in cell.analysis.writes} for step in made.source.steps
    ]
    for number, flow in enumerate(made.flows):
        for name in flow.receives:
            makers = [n for n in range(number) if name in bound[n]]
            passing = [n for n in range(number) if name in made.flows[n].passes]
            maker = makers[-1] if makers else passing[0]
            found.setdefault((names[maker], names[number]), []).append(name)
    return {edge: tuple(variables) for edge, variables in found.items()}


def drawing(made: Cut) -> str:
    """Return the steps as boxes below each other, and between them what is passed on."""
    return "\n".join(_drawing(made))


def _drawing(made: Cut) -> Iterator[str]:
    source = made.source
    setup = [c.position for c in source.setup if c is not source.parameters]
    if setup:
        yield from _box(SETUP, [f"{cells_text(setup)}, in each step"])
    coming = edges(made)
    for number, step in enumerate(source.steps):
        lines = [cells_text([c.position for c in step.code])]
        for (maker, taker), names in coming.items():
            if taker == step.name:
                lines += _wrapped(f"from {maker}: ", names)
        yield from _box(step.name, lines)
        if number + 1 < len(source.steps):
            passes = made.flows[number].passes
            yield from (f"   │ {line}" for line in _wrapped("", passes or ("nothing",)))
            yield "   ▼"


def mermaid(made: Cut) -> str:
    """Return the steps as a Mermaid flowchart."""
    names = [step.name for step in made.source.steps]
    ids = {name: f"s{number}" for number, name in enumerate(names)}
    lines = ["flowchart TD"]
    for step in made.source.steps:
        about = cells_text([c.position for c in step.code])
        lines.append(f'  {ids[step.name]}["{step.name}<br/><small>{about}</small>"]')
    coming = edges(made)
    for (maker, taker), variables in coming.items():
        shown = ", ".join(variables[:6]) + (" …" if len(variables) > 6 else "")
        lines.append(f'  {ids[maker]} -->|"{shown}"| {ids[taker]}')
    for before, after in pairwise(names):
        if (before, after) not in coming:
            lines.append(f"  {ids[before]} -.-> {ids[after]}")
    return "\n".join(lines)


def _box(title: str, lines: list[str]) -> Iterator[str]:
    width = max(map(len, [title, *lines]))
    yield f"┌─ {title} {'─' * (width - len(title))}┐"
    yield from (f"│  {line.ljust(width)} │" for line in lines)
    yield f"└{'─' * (width + 3)}┘"


def cells_text(positions: Sequence[int]) -> str:
    """Return ``cells 2 to 4, 7``; they count from 1."""
    runs: list[list[int]] = []
    for number in (position + 1 for position in positions):
        if runs and runs[-1][-1] == number - 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    shown = ", ".join(" to ".join(map(str, run)) for run in runs)
    return f"{'cell' if len(positions) == 1 else 'cells'} {shown}"


def _wrapped(words: str, names: tuple[str, ...]) -> list[str]:
    return textwrap.wrap(
        words + ", ".join(names), _WIDTH, subsequent_indent=" " * len(words),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
