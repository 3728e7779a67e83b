"""What is different since a notebook was built the last time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from mlops_jupyter.errors import refused_by_disk
from mlops_jupyter.pipelines.notebook import Cut
from mlops_jupyter.pipelines.source import NO_PARAMETERS, SourceCell
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import replace_file

FILE = "built.json"


class BuiltCell(msgspec.Struct, frozen=True):
    """A cell as it was built: where it stood, how it is known, and what it said."""

    number: int
    id: str | None
    code_digest: str


class BuiltStep(msgspec.Struct, frozen=True):
    """A step as it was built."""

    name: str
    cells: tuple[BuiltCell, ...]
    receives: tuple[str, ...]
    passes: tuple[str, ...]


class Built(msgspec.Struct, frozen=True):
    """A pipeline as it was built, without the values of its parameters."""

    by: str
    parameters: tuple[str, ...]
    parameters_digest: str
    setup: tuple[BuiltCell, ...]
    steps: tuple[BuiltStep, ...]


def built_of(made: Cut) -> Built:
    """Return what is remembered of a pipeline until it is built again."""
    source = made.source
    setup = (c for c in source.setup if c is not source.parameters)
    parameters = source.parameters
    return Built(
        by=source.by,
        parameters=tuple(p.name for p in made.pipeline.parameters),
        parameters_digest=parameters.analysis.code_digest if parameters != NO_PARAMETERS else "",
        setup=tuple(map(_cell, setup)),
        steps=tuple(
            BuiltStep(step.name, tuple(map(_cell, step.code)), flow.receives, flow.passes)
            for step, flow in zip(source.steps, made.flows, strict=True)
        ),
    )


def _cell(cell: SourceCell) -> BuiltCell:
    identity = cell.content.get("id")
    known = identity if isinstance(identity, str) else None
    return BuiltCell(cell.position + 1, known, cell.analysis.code_digest)


def last_built(project: Project, name: str) -> Built | None:
    """Return how a pipeline was when it was built the last time here; None: it was not."""
    try:
        return msgspec.json.decode(_place(project, name).read_bytes(), type=Built)
    except (OSError, msgspec.DecodeError):
        return None


def remember(project: Project, name: str, built: Built) -> None:
    """Keep how a pipeline was built."""
    place = _place(project, name)
    content = msgspec.json.encode(built)
    try:
        if place.exists() and place.read_bytes() == content:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, content)
    except OSError as error:
        raise refused_by_disk(place, error) from error


def _place(project: Project, name: str) -> Path:
    return project.folder / "pipelines" / name / FILE


def changes(before: Built, now: Built) -> tuple[str, ...]:
    """Return in words how two builds of a pipeline differ; comments do not matter."""
    return tuple(_changes(before, now))


def _changes(before: Built, now: Built) -> Iterator[str]:
    if before.by != now.by:
        yield f"cut by {now.by}, no longer by {before.by}"
    yield from _of_parameters(before, now)
    if words := list(_of_cells(before.setup, now.setup)):
        yield f"setup, which runs in each step: {'; '.join(words)}"
    old = {step.name: step for step in before.steps}
    new = {step.name: step for step in now.steps}
    for name in new:
        if name not in old:
            yield f"step {name}: new, {_numbers(new[name].cells)}"
        elif words := list(_of_step(old[name], new[name])):
            yield f"step {name}: {'; '.join(words)}"
    for name in old:
        if name not in new:
            yield f"step {name}: gone, it was {_numbers(old[name].cells)}"
    kept = [name for name in new if name in old]
    places = {name: place for place, name in enumerate(old)}
    if any(places[a] > places[b] for a, b in pairwise(kept)):
        yield f"the steps are in another order: {', '.join(new)}"


def _of_parameters(before: Built, now: Built) -> Iterator[str]:
    words = list(_of_names("new", "gone", before.parameters, now.parameters))
    if not words and before.parameters_digest != now.parameters_digest:
        words = ["their cell changed"]
    if words:
        yield f"parameters: {'; '.join(words)}"


def _of_step(before: BuiltStep, now: BuiltStep) -> Iterator[str]:
    yield from _of_cells(before.cells, now.cells)
    yield from _of_names("receives", "no longer receives", before.receives, now.receives)
    yield from _of_names("passes on", "no longer passes on", before.passes, now.passes)


def _of_names(gain: str, loss: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for words, names in ((gain, _without(new, old)), (loss, _without(old, new))):
        if names:
            yield f"{words} {', '.join(names)}"


def _without(names: Iterable[str], others: Collection[str]) -> list[str]:
    return [name for name in names if name not in others]


def _of_cells(before: Sequence[BuiltCell], now: Sequence[BuiltCell]) -> Iterator[str]:
    """Compare cells by their ids; those without, or without a like, by what they say."""
    old, new = _known(before), _known(now)
    changed = [new[i] for i in new if i in old and new[i].code_digest != old[i].code_digest]
    came = [cell for key, cell in new.items() if key not in old]
    went = [cell for key, cell in old.items() if key not in new]
    moved = {c.code_digest for c in came} & {c.code_digest for c in went}
    came = [cell for cell in came if cell.code_digest not in moved]
    went = [cell for cell in went if cell.code_digest not in moved]
    for cells, words in ((changed, "changed"), (came, "new")):
        if cells:
            yield f"{_numbers(cells)} {words}"
    if went:
        yield f"{len(went)} {'cell is' if len(went) == 1 else 'cells are'} no longer in it"
    same = [key for key in new if key in old]
    if same != [key for key in old if key in new]:
        yield "its cells are in another order"


def _known(cells: Sequence[BuiltCell]) -> Mapping[str, BuiltCell]:
    known: dict[str, BuiltCell] = {}
    for cell in cells:
        key = f"id {cell.id}" if cell.id is not None else cell.code_digest
        while key in known:
            key += "'"
        known[key] = cell
    return known


def _numbers(cells: Iterable[BuiltCell]) -> str:
    numbers = [str(cell.number) for cell in cells]
    return f"{'cell' if len(numbers) == 1 else 'cells'} {', '.join(numbers)}"
