"""Checking pipelines before they run: from the sources alone, without a kernel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlops_jupyter import config
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.checks import draws, names, opaque, packages, paths, values
from mlops_jupyter.pipelines.contract import read_parameters
from mlops_jupyter.pipelines.dataflow import flows_of
from mlops_jupyter.pipelines.declared import declared, read_sources
from mlops_jupyter.pipelines.finding import Finding, PipelineCheck
from mlops_jupyter.pipelines.graph import join
from mlops_jupyter.pipelines.parameters import bind
from mlops_jupyter.pipelines.source import SourceNotebook
from mlops_jupyter.project import Project


def check(
    project: Project, pipelines: Iterable[str] = (), given: Mapping[str, Any] | None = None
) -> tuple[PipelineCheck, ...]:
    """Check pipelines that ``mlops.yaml`` declares; nothing is run.

    Parameters
    ----------
    project : Project
    pipelines : iterable of str
        Their names. Default: all.
    given : mapping of str to value, optional
        Parameters with which they are going to be run.

    Raises
    ------
    NotFoundError
        There is no such pipeline.
    UsageError
        None is declared.
    """
    wanted = list(dict.fromkeys(pipelines)) or list(project.settings.pipelines)
    if not wanted:
        raise UsageError(
            "there are no pipelines to check", hint="declare one: `mlops pipeline build NOTEBOOK`"
        )
    found = [(name, declared(project, name)) for name in wanted]
    return tuple(_check(project, name, pipeline, given or {}) for name, pipeline in found)


def _check(
    project: Project, name: str, pipeline: config.Pipeline, given: Mapping[str, Any]
) -> PipelineCheck:
    notebook = ", ".join(pipeline.files)
    try:
        sources = read_sources(project, pipeline)
    except UsageError as error:
        found = [_of(error, "notebook", f"{project.root / notebook}: ")]
    else:
        if pipeline.joined:
            found = list(_of_joined(name, pipeline, sources, given))
        else:
            (source,) = sources.values()
            found = [*_of_parameters(source, given), *findings_of(source)]
    found.sort(key=lambda finding: (finding.notebook, finding.cell is not None, finding.cell or 0))
    return PipelineCheck(name, notebook, tuple(found))


def _of_joined(
    name: str,
    pipeline: config.Pipeline,
    sources: Mapping[str, SourceNotebook],
    given: Mapping[str, Any],
) -> Iterator[Finding]:
    """Look at several notebooks: how they are joined, and then each of them."""
    try:
        graph = join(name, sources, pipeline.joined)
    except UsageError as error:
        yield _of(error, "notebook")
        return
    for parameter, value in given.items():
        try:
            bind(graph.pipeline.parameters, {parameter: value})
        except UsageError as error:
            is_known = any(one.name == parameter for one in graph.pipeline.parameters)
            yield _of(error, "wrong-parameter" if is_known else "unknown-parameter")
    for node in graph.nodes:
        if not node.number:
            path = pipeline.joined[node.notebook].notebook
            for finding in findings_of(node.cut.source, node.cut.given):
                yield replace(finding, notebook=path)


def findings_of(source: SourceNotebook, given: Collection[str] = ()) -> Iterator[Finding]:
    """Look for what is wrong with the cells of a notebook; `given`: names of other notebooks."""
    cells = (*source.setup, *(cell for step in source.steps for cell in step.code))
    folder = source.path.parent
    yield from _of_flow(source, given)
    yield from opaque.opaque_cells(cells)
    yield from names.history(cells)
    yield from packages.missing_packages(source, cells, folder)
    yield from paths.missing_inputs(cells, folder, paths.texts_of(cells))
    yield from paths.absolute_paths(cells)
    yield from draws.unseeded(cells)


def _of_flow(source: SourceNotebook, given: Collection[str]) -> Iterator[Finding]:
    """Look at what passes from step to step, where the parameters can be read."""
    try:
        read_parameters(source.parameters, source.path)
    except UsageError:
        return
    unbound = list(names.unbound_names(source, given))
    yield from unbound
    if not unbound:
        flows = flows_of(source, given)
        yield from names.two_makers(source, flows)
        yield from values.unstorable(source, flows)


def _of_parameters(source: SourceNotebook, given: Mapping[str, Any]) -> Iterator[Finding]:
    cell = source.parameters.position
    try:
        parameters = read_parameters(source.parameters, source.path)
    except UsageError as error:
        yield _of(error, "parameters", f"{source.path}: {source.parameters.words}, ", cell + 1)
        return
    for name, value in given.items():
        try:
            bind(parameters, {name: value})
        except UsageError as error:
            is_known = any(parameter.name == name for parameter in parameters)
            yield _of(error, "wrong-parameter" if is_known else "unknown-parameter")


def _of(error: UsageError, code: str, prefix: str = "", cell: int | None = None) -> Finding:
    return Finding(code, "error", cell, error.message.removeprefix(prefix), error.hint)
