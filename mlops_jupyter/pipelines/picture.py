"""A pipeline as a picture: in letters, and as Mermaid (https://mermaid.js.org)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from mlops_jupyter.pipelines.graph import Graph

SETUP = "setup"
_WIDTH = 68


def edges(graph: Graph) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return what each step receives from which step, or from the setup as a step left it.

    A variable comes from the last step before that may bind it.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for at, node in enumerate(graph.nodes):
        for name in node.flow.receives:
            maker = _maker(graph, at, name)
            found.setdefault((graph.names[maker], node.step.name), []).append(name)
    return {edge: tuple(variables) for edge, variables in found.items()}


def _maker(graph: Graph, position: int, name: str) -> int:
    node = graph.nodes[position]
    first = position - node.number
    for at in reversed(range(first, position)):
        if any(name in cell.analysis.writes for cell in graph.nodes[at].source.code):
            return at
    for at, taken in graph.nodes[first].takes.items():
        if name in taken:
            return at
    return next(at for at in range(first, position) if name in graph.nodes[at].flow.passes)


def drawing(graph: Graph) -> str:
    """Return the steps as boxes below each other, and between them what is passed on."""
    return "\n".join(_drawing(graph))


def _drawing(graph: Graph) -> Iterator[str]:
    coming = edges(graph)
    for at, node in enumerate(graph.nodes):
        source = node.cut.source
        setup = [c.position for c in source.setup if c is not source.parameters]
        if setup and not node.number:
            title = f"{SETUP} of {node.notebook}" if node.notebook else SETUP
            yield from _box(title, [f"{cells_text(setup)}, in each step"])
        lines = [cells_text([c.position for c in node.source.code])]
        if node.notebook and not node.number:
            lines.append(source.path.name)
            lines += _wrapped("after ", node.step.before) if node.before else []
        for (maker, taker), names in coming.items():
            if taker == node.step.name:
                lines += _wrapped(f"from {maker}: ", names)
        yield from _box(node.step.name, lines)
        if at + 1 < len(graph.nodes) and graph.nodes[at + 1].number:
            yield from (f"   │ {line}" for line in _wrapped("", node.flow.passes or ("nothing",)))
            yield "   ▼"


def mermaid(graph: Graph) -> str:
    """Return the steps as a Mermaid flowchart."""
    ids = {name: f"s{number}" for number, name in enumerate(graph.names)}
    lines = ["flowchart TD"]
    for node in graph.nodes:
        about = cells_text([c.position for c in node.source.code])
        lines.append(f'  {ids[node.step.name]}["{node.step.name}<br/><small>{about}</small>"]')
    coming = edges(graph)
    for (maker, taker), variables in coming.items():
        shown = ", ".join(variables[:6]) + (" …" if len(variables) > 6 else "")
        lines.append(f'  {ids[maker]} -->|"{shown}"| {ids[taker]}')
    for node in graph.nodes:
        name = node.step.name
        others = [before for before in node.step.before if (before, name) not in coming]
        lines += [f"  {ids[before]} -.-> {ids[name]}" for before in others]
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
