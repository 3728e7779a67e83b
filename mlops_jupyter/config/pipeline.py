"""What ``mlops.yaml`` says of a pipeline."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from mlops_jupyter.config.section import Name, Strict, age_in_seconds, size_in_bytes

Retries = Annotated[int, Meta(ge=0, le=100)]


class JoinedNotebook(Strict, frozen=True):
    """One of several notebooks that make a pipeline together."""

    notebook: Annotated[str, Meta(description="Path of the notebook, from this file.")]
    after: Annotated[
        list[Name],
        Meta(description="Notebooks that it follows, beside those whose variables it reads."),
    ] = []
    takes: Annotated[
        dict[str, Name],
        Meta(description="By variable: the notebook that makes it, where more than one does."),
    ] = {}
    by: Annotated[
        Literal["tags", "headings", "text", "whole"] | None,
        Meta(description="What begins a step. Default: tags, if there are any; else none."),
    ] = None
    parameters_cell: Annotated[
        str | int | None,
        Meta(description="Id, or number from 1, of the cell that sets the parameters; 0: none."),
    ] = None


class Resources(Strict, frozen=True):
    """What a step needs of the machine that runs it."""

    cpu: Annotated[float, Meta(gt=0, description="Cores.")] | None = None
    memory: Annotated[str | int | None, Meta(description="In bytes, or as 8 GB.")] = None
    gpu: Annotated[float, Meta(ge=0, description="GPUs.")] | None = None

    def __post_init__(self) -> None:
        if self.memory is not None:
            size_in_bytes(self.memory, "memory")


class Pipeline(Strict, frozen=True):
    """A notebook, or several joined, that is run as a pipeline."""

    notebook: Annotated[str, Meta(description="Path of the notebook, from this file.")] = ""
    notebooks: Annotated[
        dict[Name, str | JoinedNotebook],
        Meta(description="Several notebooks in its place: by name, each with its path or more."),
    ] = {}
    by: Annotated[
        Literal["tags", "headings", "text"] | None,
        Meta(
            description="What begins a step; text: each text cell. Default: tags if there are any,"
            " else headings."
        ),
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
    retries: Annotated[
        Retries | dict[Name, Retries],
        Meta(description="How often a step that failed is tried again, for all or by step."),
    ] = 0
    timeout: Annotated[
        str | dict[Name, str] | None,
        Meta(description="How long a step may take, as 90s or 2h, for all or by step."),
    ] = None
    memory: Annotated[
        str | int | dict[Name, str | int] | None,
        Meta(description="How much memory a step may take, as 4 GB, for all or by step."),
    ] = None
    resources: Annotated[
        dict[Name, Resources],
        Meta(description="By step: what it needs of the machine of a cluster that runs it."),
    ] = {}

    def __post_init__(self) -> None:
        if bool(self.notebook) == bool(self.notebooks):
            raise ValueError("a pipeline is either one `notebook` or several `notebooks`")
        if self.notebooks and (self.by or self.parameters_cell is not None):
            raise ValueError("`by` and `parameters_cell` are said of each of the `notebooks`")
        for step, age in self.max_age.items():
            age_in_seconds(age, step)
        for step, limit in _by_step(self.timeout).items():
            age_in_seconds(limit, step, "timeout")
        for step, size in _by_step(self.memory).items():
            size_in_bytes(size, f"memory of {step}")

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of its notebooks."""
        joined = tuple(one.notebook for one in self.joined.values())
        return (self.notebook,) if self.notebook else joined

    @property
    def joined(self) -> dict[str, JoinedNotebook]:
        """The notebooks of which it is joined, by name; none when it is made of one."""
        return {
            name: JoinedNotebook(one) if isinstance(one, str) else one
            for name, one in self.notebooks.items()
        }

    def caches(self, step: str) -> bool:
        """Whether a step may be taken from the cache."""
        return self.cache.get(step, True) if isinstance(self.cache, dict) else self.cache

    def max_age_seconds(self, step: str) -> float | None:
        """How long the result of a step counts; None: as long as what it is made of is the same."""
        return age_in_seconds(self.max_age[step], step) if step in self.max_age else None

    def retries_of(self, step: str) -> int:
        """How often a step is tried again."""
        return self.retries.get(step, 0) if isinstance(self.retries, dict) else self.retries

    def timeout_seconds(self, step: str) -> float | None:
        """How long a step may take."""
        found = self.timeout.get(step) if isinstance(self.timeout, dict) else self.timeout
        return None if found is None else age_in_seconds(found, step, "timeout")

    def memory_bytes(self, step: str) -> int | None:
        """How much memory a step may take."""
        found = self.memory.get(step) if isinstance(self.memory, dict) else self.memory
        return None if found is None else size_in_bytes(found, "memory")


def _by_step(setting: Any) -> dict[str, Any]:
    if setting is None:
        return {}
    return setting if isinstance(setting, dict) else {"all steps": setting}
