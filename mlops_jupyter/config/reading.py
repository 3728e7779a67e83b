"""Reading ``mlops.yaml``, with line and column in every complaint."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.config.section import Strict
from mlops_jupyter.config.settings import (
    CaptureSettings,
    MirrorSettings,
    MlflowSettings,
    RemoteSettings,
    Settings,
)
from mlops_jupyter.config.text import Marks, parse
from mlops_jupyter.errors import UsageError, did_you_mean, refused_by_disk

FILE = "mlops.yaml"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``mlops.yaml``, from which editors complete it."""
    schema = msgspec.json.schema(Settings)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": FILE, **schema}


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check ``mlops.yaml``.

    Raises
    ------
    UsageError
        It cannot be read, is not YAML, or says something it must not; with file, line and
        column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text, at byte {error.start}") from error
    except OSError as error:
        raise refused_by_disk(path, error) from error
    content, marks = parse(text, path)
    _refuse_secret(content, marks, path)
    for section, key, value in _overrides(environment):
        content.setdefault(section, {})[key] = value
    capture = content.get("capture")
    if isinstance(capture, dict) and capture.get("files") is False:
        capture["files"] = "off"  # YAML 1.1 reads a bare `off` so
    try:
        return msgspec.convert(content, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise _complaint(path, str(error), marks) from None


def _refuse_secret(content: dict[str, Any], marks: Marks, path: Path) -> None:
    """Refuse a password in ``mlops.yaml``, which is shared with everybody."""
    remote = content.get("remote")
    url = remote.get("url") if isinstance(remote, dict) else None
    if isinstance(url, str) and re.match(r"[^/]*://[^/]*:[^/]*@", url):
        line, column = marks.get("$.remote.url", (1, 1))
        raise UsageError(
            f"{path}:{line}:{column}: a password does not belong in this file",
            hint="write the address without it, and give all of it in MLOPS_REMOTE_URL",
        )


def _complaint(path: Path, message: str, marks: Marks) -> UsageError:
    """Put line and column, and a near name, to msgspec's message."""
    text, _, at = message.partition(" - at ")
    parts = re.findall(r"\.\w+|\[\.\.\.\]|\[\d+\]", at.strip("`"))
    hint = None
    unknown = re.search(r"unknown field `(.*)`", text, re.DOTALL)
    if unknown:
        hint = did_you_mean(unknown[1], _fields_at(parts))
        parts.append(f".{unknown[1]}")
    choices = _choices_at(parts)
    if choices:
        given = re.search(r"enum value '(.*)'", text, re.DOTALL)
        hint = did_you_mean(given[1] if given else "", choices)
    line, column = _nearest(parts, marks)
    return UsageError(f"{path}:{line}:{column}: {text[:1].lower()}{text[1:]}", hint=hint)


def _nearest(parts: list[str], marks: Marks) -> tuple[int, int]:
    """Return where a place stands, or else the nearest place around it that is written."""
    for length in range(len(parts), -1, -1):
        # msgspec writes `[...]` for the key of a mapping: any one name may stand there
        pattern = "".join(r"\.[^.\[]+" if p == "[...]" else re.escape(p) for p in parts[:length])
        found = next(
            (mark for path, mark in marks.items() if re.fullmatch(r"\$" + pattern, path)), None
        )
        if found:
            return found
    return 1, 1


def _fields_at(parts: list[str]) -> list[str]:
    """Return the keys that the schema knows at a place."""
    return list(_node_at(parts).get("properties", {}))


def _node_at(parts: list[str]) -> dict[str, Any]:
    schema = msgspec.json.schema(Settings)
    definitions: dict[str, Any] = schema["$defs"]
    node: Any = schema
    for part in parts:
        node = _resolved(node, definitions)
        if part == "[...]":
            node = node.get("additionalProperties", {})
        elif part.startswith("["):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part[1:], {})
    return _resolved(node, definitions)


def _choices_at(parts: list[str]) -> list[str]:
    """Return the texts of which the schema wants one at a place."""
    return [str(choice) for choice in _node_at(parts).get("enum", ())]


def _resolved(node: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", [node]):
        if "$ref" in option:
            return dict(definitions[option["$ref"].rpartition("/")[2]])
    return dict(node)


def _overrides(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    sections: dict[str, type[Strict]] = {
        "mlflow": MlflowSettings,
        "mirror": MirrorSettings,
        "capture": CaptureSettings,
        "remote": RemoteSettings,
    }
    for section, kind in sections.items():
        for field in kind.__struct_fields__:
            value = environment.get(f"MLOPS_{section}_{field}".upper())
            if value is not None:
                yield section, field, value
