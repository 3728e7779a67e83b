"""``mlops.yaml``: what people write, read strictly, with line and column in every complaint.

Settings come from the defaults below, then ``mlops.yaml``, then the environment
(``MLOPS_MLFLOW_TRACKING_URI`` for ``mlflow: {tracking_uri: …}``).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from .errors import UsageError, did_you_mean, refused_by_disk

FILE = "mlops.yaml"

Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
        description="Letters, digits, '_', '.' and '-'; at most 100.",
    ),
]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A section of ``mlops.yaml``: unknown keys are refused."""


class MlflowSettings(Strict, frozen=True):
    """Where MLflow keeps its runs and models."""

    tracking_uri: Annotated[
        str | None,
        Meta(description="A team's MLflow server. Default: the database in .mlops/mlflow."),
    ] = None
    experiment: Annotated[
        str | None, Meta(description="The MLflow experiment. Default: the folder's name.")
    ] = None


class MirrorSettings(Strict, frozen=True):
    """The process that copies finished runs to MLflow."""

    idle_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="How long it waits for more work before it ends.")
    ] = 30.0
    retry_seconds: Annotated[
        float, Meta(ge=0, description="How long it goes on trying while MLflow is away.")
    ] = 3600.0


class CaptureSettings(Strict, frozen=True):
    """What kernels record by themselves."""

    auto_load: Annotated[
        bool, Meta(description="Record in every kernel of the project, without %load_ext.")
    ] = False
    figures: Annotated[
        bool, Meta(description="Keep the figures and tables that cells show, of tracked ones too.")
    ] = True
    track_fits: Annotated[
        bool, Meta(description="A cell that fits a model becomes a run, without %%track.")
    ] = False
    files: Annotated[
        Literal["snapshot", "digest", "off"],
        Meta(
            description="Files that cells read and write. snapshot: each becomes a data version."
            " digest: their digests are recorded. off: nothing is."
        ),
    ] = "digest"
    files_limit: Annotated[
        int | str,
        Meta(description="With files: snapshot, the largest file kept: in bytes, or as 200 MB."),
    ] = "1 GiB"

    def __post_init__(self) -> None:
        size_in_bytes(self.files_limit, "files_limit")

    @property
    def files_limit_bytes(self) -> int:
        """The largest file that becomes a data version by itself."""
        return size_in_bytes(self.files_limit, "files_limit")


_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip


def size_in_bytes(size: int | str, key: str) -> int:
    """Return a size that is written as a number of bytes or with a unit.

    Raises
    ------
    ValueError
        It is neither.
    """
    found = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]*)\s*", str(size).lower())
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"`{key}` is not a size: {size!r}; write bytes, or 200 MB, or 1 GiB")
    return int(float(found[1]) * _UNITS[found[2]])


class RemoteSettings(Strict, frozen=True):
    """Where `mlops push` and `mlops pull` share data versions and runs."""

    url: Annotated[
        str | None,
        Meta(description="A folder, or an address that fsspec knows: s3://bucket/path, gs://…."),
    ] = None
    endpoint: Annotated[
        str | None,
        Meta(description="Address of an S3 server that is not Amazon's, http://minio:9000."),
    ] = None
    trust: Annotated[
        bool,
        Meta(description="Unpickle values and models that came from there. They can run code."),
    ] = False


class Keep(Strict, frozen=True):
    """How long versions of a dataset are kept. Give `versions`, or `days`, or both."""

    versions: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="The newest ones, however old they are."),
    ] = None
    days: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="All that are younger, however many they are."),
    ] = None

    def __post_init__(self) -> None:
        if self.versions is None and self.days is None:
            raise ValueError("give `versions` or `days`, or write `all`")


class DataSettings(Strict, frozen=True):
    """Data versions."""

    keep: Annotated[
        dict[Name, Keep | Literal["all"]],
        Meta(
            description="By dataset, and `default`: which versions `mlops gc` leaves, beside "
            "those that something needs. Default: all."
        ),
    ] = {}


class Pipeline(Strict, frozen=True):
    """A notebook that is run as a pipeline."""

    notebook: Annotated[str, Meta(description="Path of the notebook, from this file.")]
    by: Annotated[
        Literal["tags", "headings"] | None,
        Meta(description="What begins a step. Default: tags if there are any, else headings."),
    ] = None
    parameters_cell: Annotated[
        str | int | None,
        Meta(description="Id, or number from 1, of the cell that sets the parameters; 0: none."),
    ] = None
    cache: Annotated[
        bool | dict[Name, bool],
        Meta(
            description="off: its steps are always run. Or by step, `{STEP: off}`. Default: a step"
            " that is known is not run again."
        ),
    ] = True
    max_age: Annotated[
        dict[Name, str],
        Meta(
            description="By step: how long its result counts, as 30m, 12h or 1d. A step that reads"
            " URLs or databases is always run without it."
        ),
    ] = {}

    def __post_init__(self) -> None:
        for step, age in self.max_age.items():
            age_in_seconds(age, step)

    def caches(self, step: str) -> bool:
        """Whether a step may be taken from the cache."""
        return self.cache.get(step, True) if isinstance(self.cache, dict) else self.cache

    def max_age_seconds(self, step: str) -> float | None:
        """How long the result of a step counts; None: as long as what it is made of is the same."""
        return age_in_seconds(self.max_age[step], step) if step in self.max_age else None


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def age_in_seconds(age: str, key: str) -> float:
    """Return a time that is written as ``30m``, ``12h`` or ``1d``.

    Raises
    ------
    ValueError
        It is not.
    """
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([smhdw])", age.strip().lower())
    if found is None:
        raise ValueError(f"`max_age` of {key!r} is not a time: {age!r}; write 30m, 12h or 1d")
    return float(found[1]) * _SECONDS[found[2]]


class Floor(Strict, frozen=True):
    """An absolute threshold. Give `at_least`, or `at_most`, or both."""

    metric: Annotated[
        str,
        Meta(description="A metric scored on the evaluation data, or one that the run recorded."),
    ]
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError("`floor` needs `at_least` or `at_most`")


class Compare(Strict, frozen=True):
    """Challenger against champion, both scored on the same rows."""

    metric: Annotated[str, Meta(description="A metric scored on the evaluation data.")]
    rule: Annotated[
        Literal["not_worse", "better"],
        Meta(description="not_worse: by no more than the margin. better: by more than it."),
    ] = "not_worse"
    margin: Annotated[
        float, Meta(ge=0, description="In the metric's own units, whichever way is better.")
    ] = 0.0


class Check(Strict, frozen=True):
    """One line of a gate: exactly one kind of check."""

    floor: Floor | None = None
    compare: Compare | None = None

    def __post_init__(self) -> None:
        if (self.floor is None) == (self.compare is None):
            raise ValueError("a check is exactly one of `floor` and `compare`")


class Evaluate(Strict, frozen=True):
    """The rows on which challenger and champion are scored."""

    data: Annotated[str, Meta(description="A dataset version, e.g. flights@7 or flights@latest.")]
    label: Annotated[str, Meta(description="The column to predict.")]


class Model(Strict, frozen=True):
    """A model that is released: which pipeline makes it, and what it must pass."""

    pipeline: Name
    evaluate: Evaluate
    checks: Annotated[list[Check], Meta(min_length=1)]


class Settings(Strict, frozen=True):
    """The whole of ``mlops.yaml``."""

    version: Annotated[Literal[1], Meta(description="Version of this file's format.")] = 1
    mlflow: MlflowSettings = MlflowSettings()
    mirror: MirrorSettings = MirrorSettings()
    capture: CaptureSettings = CaptureSettings()
    remote: RemoteSettings = RemoteSettings()
    data: DataSettings = DataSettings()
    pipelines: dict[Name, Pipeline] = {}
    models: dict[Name, Model] = {}

    def __post_init__(self) -> None:
        for name, model in self.models.items():
            if model.pipeline not in self.pipelines:
                hint = did_you_mean(model.pipeline, self.pipelines)
                known = hint or "no pipeline is declared yet, see `mlops pipeline build`"
                raise ValueError(
                    f"model {name!r} names an unknown pipeline {model.pipeline!r}; {known}"
                )


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


def add_pipeline(text: str, name: str, notebook: str, path: Path) -> str:
    """Return the text of ``mlops.yaml`` with one more pipeline, all else kept byte for byte.

    Raises
    ------
    UsageError
        ``pipelines:`` is written in a way that cannot be added to, e.g. on one line.
    """
    entry = f"  {name}:\n    notebook: {json.dumps(notebook, ensure_ascii=False)}\n"
    content, marks = parse(text, path)
    wanted = {**(content.get("pipelines") or {}), name: {"notebook": notebook}}
    if "pipelines" not in content:
        added = text + ("" if text.endswith("\n") or not text else "\n") + "\npipelines:\n" + entry
    else:
        line = marks["$.pipelines"][0]
        lines = text.splitlines(keepends=True)
        added = "".join([*lines[:line], entry, *lines[line:]])
    try:
        result, _ = parse(added, path)
    except UsageError:
        result = {}
    if result != {**content, "pipelines": wanted}:
        raise UsageError(
            f"{path}: cannot add the pipeline {name!r} to `pipelines:`",
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
