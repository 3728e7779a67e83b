"""The key of a step: what it is made of, as far as that is known before it runs.

Comments, formatting, outputs, metadata and text cells are no part of it. What becomes known only
when the step runs (files, data versions) is written down with the result: see
`mlops_jupyter.pipelines.reads`.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlops_jupyter.cells.analysis import analyse
from mlops_jupyter.cells.mention import SEEDING
from mlops_jupyter.cells.statement import statements
from mlops_jupyter.pipelines.graph import Graph, Node
from mlops_jupyter.pipelines.modules import Imported, imported
from mlops_jupyter.pipelines.source import SourceCell
from mlops_jupyter.project import Project
from mlops_jupyter.runs import secret
from mlops_jupyter.store.objects import digest_of

FORMAT = "1"
"""Another one makes all that was kept before unknown."""

EMPTY = analyse("").code_digest

VALUES = "values"
"""The part of the key that the steps before give."""

VALUES_OF_ONE = "the values of the step before"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a step is made of.

    Attributes
    ----------
    kind : str
        ``setup``, ``definition``, ``cell``, ``parameter``, ``values``, ``package``, ``module``,
        ``variable`` or ``environment``.
    name : str
        For people: ``cell 7``, ``depth``, ``pandas``. Of cells it does not count.
    digest : str
    words : str
        What it was, where that can be said in a word.
    """

    kind: str
    name: str
    digest: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """All parts; `why_not` says in words why there can be no key, or is empty."""

    parts: tuple[Part, ...]
    why_not: str = ""

    def with_values(self, node: Node, passed: Mapping[int, str | None]) -> Key:
        """Return the key of a step that gets these values.

        Parameters
        ----------
        node : Node
        passed : mapping of int to str or None
            By the position of a step: the digest of what it passed on.
        """
        values = [
            Part(VALUES, VALUES_OF_ONE if node.number else f"the values of {name}", digest)
            for at, name in zip(node.before, node.step.before, strict=True)
            if (node.number or at in node.takes) and (digest := passed.get(at)) is not None
        ]
        return Key((*self.parts, *values), self.why_not)

    @property
    def digest(self) -> str:
        """Equal for steps that do the same."""
        ordered = ("setup", "definition", "cell")
        counted = [
            (part.kind, "" if part.kind in ordered else part.name, part.digest)
            for part in self.parts
        ]
        return digest_of(json.dumps([FORMAT, counted]).encode())


class Keys:
    """The keys of the steps of one pipeline, without the values that go through them.

    Parameters
    ----------
    project : Project
    graph : Graph
    parameters : mapping of str to value
        Of the run, as JSON, without secrets.
    """

    def __init__(self, project: Project, graph: Graph, parameters: Mapping[str, Any]) -> None:
        self._project, self._graph, self._parameters = project, graph, parameters

    def of(self, position: int) -> Key:
        """Return the key of a step."""
        node = self._graph.nodes[position]
        flow, step, source = node.flow, node.source, node.cut.source
        setup = list(_setup(node))
        texts = [*(text for _, text in setup), *flow.code, *(c.source for c in step.code)]
        found = imported(texts, source.path.parent)
        parts = [
            *(_code("setup", cell.words, text) for cell, text in setup),
            *(_code("definition", "a definition of the steps before", t) for t in flow.code),
            *(_code("cell", f"cell {c.position + 1}", c.source) for c in step.code),
            *self._parameters_of(node, texts),
            *self._of_environment(found, source.kernel),
        ]
        named = json.dumps(sorted(flow.definitions)).encode()
        parts.append(Part("environment", "definitions passed on by name", digest_of(named)))
        kept = tuple(part for part in parts if part.digest != EMPTY)
        return Key(kept, _why_not(node, found))

    def is_seeded(self, position: int) -> bool:
        """Return whether code up to a step seeds random numbers."""
        node = self._graph.nodes[position]
        source = node.cut.source
        cells = [*source.setup, *(c for s in source.steps[: node.number + 1] for c in s.code)]
        if any(not SEEDING.isdisjoint(cell.analysis.mentions.words) for cell in cells):
            return True
        found = imported([cell.source for cell in cells], source.path.parent)
        return not SEEDING.isdisjoint(found.words)

    def _parameters_of(self, node: Node, texts: Iterable[str]) -> Iterable[Part]:
        kinds = {p.name: p.kind.text for p in node.cut.pipeline.parameters}
        read: set[str] = set()
        for text in texts:
            analysis = analyse(text)
            read |= analysis.reads | analysis.uses
            read = read.union(*analysis.functions.values())
        for name in sorted(read & kinds.keys()):
            text = json.dumps(self._parameters.get(name), sort_keys=True)
            shown = text if len(text) <= 60 else text[:57] + "…"
            # as JSON a date and its text are one
            yield Part("parameter", name, digest_of(f"{kinds[name]} {text}".encode()), shown)

    def _of_environment(self, found: Imported, kernel: str) -> Iterable[Part]:
        for name, version in sorted(found.packages.items()):
            yield Part("package", name, digest_of(version.encode()), version)
        for path, digest in sorted(found.files.items()):
            yield Part("module", self._shown(path), digest)
        for name in sorted(found.variables):
            yield Part("variable", name, _digest_of_variable(name))
        python = platform.python_version()
        yield Part("environment", "Python", digest_of(python.encode()), python)
        machine = f"{sys.platform} {platform.machine()}"
        yield Part("environment", "the machine", digest_of(machine.encode()), machine)
        yield Part("environment", "the kernel", digest_of(kernel.encode()), kernel)

    def _shown(self, path: str) -> str:
        root = self._project.root
        return Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) else path


def _setup(node: Node) -> Iterable[tuple[SourceCell, str]]:
    """Yield the cells of the setup; of the one with the parameters what it does besides."""
    source = node.cut.source
    names = {parameter.name for parameter in node.cut.pipeline.parameters}
    for cell in source.setup:
        if cell is not source.parameters:
            yield cell, cell.source
            continue
        kept = [
            s.source
            for s in statements(cell.source)
            if not (s.analysis.writes and names >= set(s.analysis.writes))
        ]
        yield cell, "\n".join(kept)


def _why_not(node: Node, found: Imported) -> str:
    source = node.cut.source
    for cell in (*source.setup, *node.source.code):
        if cell.analysis.opaque:
            return f"{cell.words} can do anything (exec, %run, an unknown magic, …)"
    if any("no-cache" in cell.tags for cell in node.source.code):
        return "it is tagged `no-cache`"
    if found.unclear:
        return found.unclear[0]
    return other_python(source.kernel) or ""


def _code(kind: str, name: str, text: str) -> Part:
    return Part(kind, name, analyse(text).code_digest)


def _digest_of_variable(name: str) -> str:
    """Return the digest of a variable; of a secret only whether it is set: it could be guessed."""
    value = os.environ.get(name)
    if value is None:
        return digest_of(b"not set")
    if secret.masked_value(name, value) != value:
        return digest_of(b"a secret that is set")
    return digest_of(b"=" + os.fsencode(value))


@lru_cache(maxsize=16)
def other_python(kernel: str) -> str:
    """Say that a kernel is not of this Python: its packages are not known here. Else empty."""
    from jupyter_core.paths import jupyter_path

    for folder in jupyter_path("kernels"):
        file = Path(folder) / kernel / "kernel.json"
        try:
            (program, *_) = json.loads(file.read_bytes())["argv"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        major, minor = sys.version_info[:2]
        if program in {"python", f"python{major}", f"python{major}.{minor}"}:
            return ""
        if Path(program).exists() and Path(program).samefile(sys.executable):
            # two environments may share one interpreter file
            same = Path(program).parent == Path(sys.executable).parent
            return "" if same else f"the kernel {kernel} runs another Python, {program}"
        return f"the kernel {kernel} runs another Python, {program}"
    return ""
