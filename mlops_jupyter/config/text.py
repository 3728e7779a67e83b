"""The text of ``mlops.yaml``: where each part of it stands, and how a part is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import UsageError

Marks = dict[str, tuple[int, int]]
"""From a msgspec path such as ``$.models[...].checks[0]`` to line and column, from 1."""


def parse(text: str, path: Path) -> tuple[dict[str, Any], Marks]:
    """Return the content of a YAML mapping and where each part of it stands."""
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        marks = {p: (m.line + 1, m.column + 1) for p, m in _walk(node, "$")}
        content = {} if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UsageError(f"{where}: {error.problem}", hint="this is not valid YAML") from None
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{path}: {reason}", hint="this is not valid YAML") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}:1:1: expected keys and values", hint="begin with `version: 1`")
    return content, marks


def _walk(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} is here twice", key.start_mark
                )
            seen.add(name)
            yield f"{path}.{name}", key.start_mark
            yield from _walk(value, f"{path}.{name}")
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield f"{path}[{position}]", value.start_mark
            yield from _walk(value, f"{path}[{position}]")


def add_pipeline(text: str, name: str, notebook: str | Mapping[str, str], path: Path) -> str:
    """Return the text of ``mlops.yaml`` with one more pipeline, all else kept byte for byte.

    Parameters
    ----------
    notebook : str, or mapping of str to str
        Its path from the file; of several that are joined, by name.

    Raises
    ------
    UsageError
        ``pipelines:`` is written in a way that cannot be added to, e.g. on one line.
    """
    if isinstance(notebook, str):
        said: dict[str, Any] = {"notebook": notebook}
        lines = [f"notebook: {json.dumps(notebook, ensure_ascii=False)}"]
    else:
        said = {"notebooks": dict(notebook)}
        lines = ["notebooks:"]
        lines += [f"  {n}: {json.dumps(p, ensure_ascii=False)}" for n, p in notebook.items()]
    return add_entry(text, "pipelines", name, lines, said, path)


def add_entry(
    text: str, section: str, name: str, lines: Sequence[str], said: Mapping[str, Any], path: Path
) -> str:
    """Return the text of ``mlops.yaml`` with one more entry in a section, all else kept.

    Parameters
    ----------
    text : str
    section : str
        ``pipelines``, ``models``; written at the end where it is not there yet.
    name : str
    lines : sequence of str
        What stands below the name, indented by nothing.
    said : mapping
        What they mean.
    path : Path
        For the message.

    Raises
    ------
    UsageError
        The section is written in a way that cannot be added to, e.g. on one line.
    """
    content, marks = parse(text, path)
    there = content.get(section) or {}
    wanted = {**there, name: dict(said)}
    first = next((marks[f"$.{section}.{known}"] for known in there), None)
    indent = " " * (2 if first is None else first[1] - 1)
    below = "".join(f"{indent}{'  ' if line else ''}{line}".rstrip() + "\n" for line in lines)
    entry = f"{indent}{name}:\n{below}"
    if section not in content:
        ended = "" if text.endswith("\n") or not text else "\n"
        added = f"{text}{ended}\n{section}:\n{entry}"
    else:
        line = marks[f"$.{section}"][0]
        kept = text.splitlines(keepends=True)
        if kept[line - 1][-1:] != "\n":
            kept[line - 1] += "\n"
        added = "".join([*kept[:line], entry, *kept[line:]])
    try:
        result, _ = parse(added, path)
    except UsageError:
        result = {}
    if result != {**content, section: wanted}:
        raise UsageError(
            f"{path}: cannot add the {section.removesuffix('s')} {name!r} to `{section}:`",
            hint=f"write it yourself:\n{entry}",
        )
    return added


def change_pipeline(text: str, name: str, choices: Mapping[str, str | int], path: Path) -> str:
    """Return the text of ``mlops.yaml`` with keys of one pipeline set, all else kept.

    Raises
    ------
    UsageError
        The pipeline is written in a way in which they cannot be set, e.g. on one line.
    """
    content, marks = parse(text, path)
    lines = text.splitlines(keepends=True)
    for key, value in choices.items():
        written = f"{key}: {json.dumps(value, ensure_ascii=False)}"
        place = marks.get(f"$.pipelines.{name}.{key}")
        line, column = place or marks[f"$.pipelines.{name}.notebook"]
        indent = " " * (column - 1)
        if place is None:
            lines[line:line] = [f"{indent}{written}\n"]
        else:
            comment = re.search(r"\s+#[^'\"]*$", lines[line - 1].rstrip("\n"))
            lines[line - 1] = f"{indent}{written}{comment[0] if comment else ''}\n"
        text = "".join(lines)
        content["pipelines"][name][key] = value
        try:
            result, marks = parse(text, path)
        except UsageError:
            result = {}
        if result != content:
            raise UsageError(
                f"{path}: cannot set `{key}` of the pipeline {name!r}",
                hint=f"write it yourself, below its `notebook:`: {written}",
            )
    return text
