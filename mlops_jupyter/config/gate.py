"""What ``mlops.yaml`` says of a model and of what it must pass."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mlops_jupyter.config.section import Name, Strict


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
