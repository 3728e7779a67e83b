"""``mlops lineage``: a tree of what came from what."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import click
from rich.console import Group
from rich.tree import Tree

from mlops_jupyter.cli.show import age, console
from mlops_jupyter.project import open_project
from mlops_jupyter.provenance.noun import Edge, How, Lineage, Node

MOST_SHOWN = 20
"""Things below one thing; `--json` has all."""

LONGEST = 70
"""Characters of a text that are shown."""

_UP: Mapping[How, str] = {
    "took": "taken by", "wrote": "written by", "loaded": "loaded", "read": "read",
    "used": "used", "holds": "held", "from": "from", "ran": "in run", "fitted": "fitted by",
}  # fmt: skip

_DOWN: Mapping[How, str] = {
    "took": "made", "wrote": "wrote", "loaded": "loaded by", "read": "read by",
    "used": "used by", "holds": "held", "from": "kept as", "ran": "in run", "fitted": "fitted",
    "evaluated": "evaluated:", "decided": "decided:",
}  # fmt: skip


@click.command("lineage")
@click.argument("ref")
@click.option("--up", is_flag=True, help="Only what it came from.")
@click.option("--down", is_flag=True, help="Only what came of it.")
@click.option("--depth", type=int, metavar="N", help="At most N steps. Default: to the end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def lineage_command(ref: str, up: bool, down: bool, depth: int | None, as_json: bool) -> None:
    """Show where REF came from, and what came of it.

    REF is a data version (train@3), a run (its id, the beginning of it, or its name), a model
    version (delays@2), or the path of a file, a URL or a query that a cell read or wrote. `data:`,
    `run:`, `model:` or `file:` before it say which is meant.
    """
    from mlops_jupyter import wire
    from mlops_jupyter.provenance.walk import lineage

    both = up == down
    found = lineage(open_project(), ref, up=up or both, down=down or both, depth=depth)
    if as_json:
        click.echo(wire.encode(found).decode())
        return
    trees = []
    if up or both:
        trees.append(_tree(found, "came from", _above(found), _UP))
    if down or both:
        trees.append(_tree(found, "what came of it", _below(found), _DOWN))
    console().print(Group(*trees), soft_wrap=True)


Step = tuple[Edge, str]
"""An edge, and the node at its far end."""


def _above(found: Lineage) -> dict[str, list[Step]]:
    steps: dict[str, list[Step]] = {}
    for edge in found.up:
        steps.setdefault(edge.target, []).append((edge, edge.source))
    return steps


def _below(found: Lineage) -> dict[str, list[Step]]:
    steps: dict[str, list[Step]] = {}
    for edge in found.down:
        steps.setdefault(edge.source, []).append((edge, edge.target))
    return steps


def _tree(
    found: Lineage, title: str, steps: Mapping[str, Sequence[Step]], words: Mapping[How, str]
) -> Tree:
    """Return a tree; what has been shown with its branches is only named again."""
    nodes = {node.id: node for node in found.nodes}
    start = _line(nodes[found.start])
    tree = Tree(f"{start}: {title}" + ("" if steps else ": nothing is known"))
    shown = {found.start}
    waiting = deque([(tree, found.start)])
    while waiting:
        branch, id_ = waiting.popleft()
        below = steps.get(id_, ())
        for edge, other in below[:MOST_SHOWN]:
            line = f"{words[edge.how]} {_line(nodes[other])}"
            details = [edge.text, f"{age(edge.when)} ago" if edge.when else ""]
            if other in shown and steps.get(other):
                details.append("see there")
            twig = branch.add(" · ".join(filter(None, (line, *details))))
            if other not in shown:
                shown.add(other)
                waiting.append((twig, other))
        if len(below) > MOST_SHOWN:
            branch.add(f"… and {len(below) - MOST_SHOWN:,} more; see --json")
    return tree


def _line(node: Node) -> str:
    """Return a node in one line."""
    text = node.text
    if node.kind == "cell":
        lines = (line.strip() for line in text.splitlines())
        text = next((line for line in lines if line and not line.startswith("#")), "")
    if node.kind == "file":
        text = text[: len("blake3:") + 12]
    ref = node.ref[:8] if node.kind == "run" else node.ref
    if node.kind in {"evaluation", "decision"}:
        return _short(text)
    return "  ".join(filter(None, (_short(ref), _short(text))))


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= LONGEST else f"{one[: LONGEST - 1]}…"
