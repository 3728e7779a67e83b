"""Values as they are given: text in YAML or JSON, and files of parameters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import UsageError, refused_by_disk
from mlops_jupyter.pipelines.scalar import Plain, ReasonedError


@dataclass(frozen=True, slots=True)
class FileValue:
    """A value from a file of parameters, and where it stands: ``july.yaml:3``."""

    value: Any
    where: str


def read_file(path: Path) -> dict[str, FileValue]:
    """Read a file of parameters: one mapping, in YAML or JSON.

    Raises
    ------
    UsageError
        It is missing or something else; the message says which line.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file") from None
    except OSError as error:
        raise refused_by_disk(path, error) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise UsageError(f"{where}: not YAML: {problem}", hint=_WRITE) from None
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(f"{path}:{node.start_mark.line + 1}: no mapping", hint=_WRITE)
    return _read_mapping(node, path)


def _read_mapping(node: Any, path: Path) -> dict[str, FileValue]:
    found: dict[str, FileValue] = {}
    seen: set[int] = set()
    for key, value in node.value:
        where = f"{path}:{key.start_mark.line + 1}"
        try:
            name, given = loaded(key, seen), loaded(value, seen)
        except (ReasonedError, TypeError, RecursionError) as error:
            raise UsageError(f"{where}: {error}", hint=_WRITE) from None
        if not isinstance(name, str):
            raise UsageError(f"{where}: {name!r:.60} is no name", hint=_WRITE)
        if name in found:
            raise UsageError(f"{where}: {name!r} stands there twice", hint="leave one of them")
        found[str.__str__(name)] = FileValue(given, where)
    return found


_WRITE = "write `name: value` lines"


def from_text(text: str) -> Any:
    """Return what a text in brackets or quotes says, in JSON or YAML."""
    try:
        return json.loads(
            text,
            object_pairs_hook=dict_of,
            # `[1]` may be a list of texts
            parse_int=Plain,
            parse_float=Plain,
            parse_constant=Plain,
        )
    except json.JSONDecodeError:
        return from_yaml(text)


def from_yaml(text: str) -> Any:
    """Return what a text in YAML says; scalars without quotes are `Plain`."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return loaded(node, set())
    except yaml.YAMLError:
        raise ReasonedError("its brackets or quotes do not fit together") from None


def loaded(node: Any, seen: set[int]) -> Any:
    """Return what a node of YAML says; `seen` holds the nodes met so far."""
    import yaml

    if node is None:
        return Plain("")
    if id(node) in seen:
        raise ReasonedError("anchors and aliases are not read")
    seen.add(id(node))
    if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
        raise ReasonedError(f"the tag {node.tag} is not read")
    if isinstance(node, yaml.ScalarNode):
        return Plain(node.value) if node.style is None else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [loaded(item, seen) for item in node.value]
    pairs = [(loaded(key, seen), loaded(value, seen)) for key, value in node.value]
    return dict_of(pairs)


def dict_of(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return a mapping; no key may stand there twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ReasonedError("a key stands there twice")
    return made
