"""What ``mlops.yaml`` says of a model and of what it must pass."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from msgspec import Meta

from mlops_jupyter.config.section import Name, Strict, age_in_seconds

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Function = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$",
        description="A function of the project's own code, module:function.",
    ),
]
By = Annotated[
    Literal["interval", "point"],
    Meta(
        description="interval: the bound of the confidence interval decides, and what it does not"
        " settle is held. point: the value alone, whatever chance had to do with it."
    ),
]


class Floor(Strict, frozen=True):
    """An absolute threshold. Give `at_least`, or `at_most`, or both."""

    metric: Annotated[
        str,
        Meta(
            description="A metric scored on the evaluation data, or one that the run recorded;"
            " that one is judged by its point."
        ),
    ]
    at_least: float | None = None
    at_most: float | None = None
    by: By = "interval"

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError("`floor` needs `at_least` or `at_most`")
        low, high = self.at_least, self.at_most
        if low is not None and high is not None and low > high:
            raise ValueError("`at_least` of a `floor` is above its `at_most`")


class Compare(Strict, frozen=True):
    """Challenger against champion, both scored on the same rows."""

    metric: Annotated[str, Meta(description="A metric scored on the evaluation data.")]
    rule: Annotated[
        Literal["not_worse", "better"],
        Meta(description="not_worse: by no more than the margin. better: by more than it."),
    ] = "not_worse"
    margin: Annotated[
        Annotated[float, Meta(ge=0)] | str | None,
        Meta(
            description="In the metric's own units, whichever way is better, or as a share of the"
            " champion's value: 2%. Default for not_worse: 0.01 for metrics between 0 and 1, 2%"
            " for the others; for better: 0."
        ),
    ] = None
    by: By = "interval"

    def __post_init__(self) -> None:
        if isinstance(self.margin, str) and not re.fullmatch(
            r"[0-9]{1,3}(\.[0-9]{1,6})?\s*%", self.margin.strip()
        ):
            raise ValueError(f"`margin` is no number and no share such as 2%: {self.margin!r}")


class Slices(Strict, frozen=True):
    """Groups of rows, in none of which the challenger may be much worse than the champion."""

    by: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="Columns, one slice for each value; bins of a number, age/5; or"
            " conditions as pandas' query takes them, region == 'north'.",
        ),
    ]
    metric: Annotated[str, Meta(description="A metric scored on the evaluation data.")]
    max_drop: Annotated[
        float, Meta(ge=0, description="How much worse a slice may be, in the metric's units.")
    ] = 0.02
    min_rows: Annotated[
        int, Meta(ge=1, description="Smaller slices are not judged, and the report says so.")
    ] = 30


class Schema(Strict, frozen=True):
    """The evaluation data keeps the contract."""

    contract: Annotated[
        str | None,
        Meta(
            description="The pandera file, from the project's folder. Default:"
            " contracts/DATASET.py, as `mlops data contract` drafts it."
        ),
    ] = None


class Predictions(Strict, frozen=True):
    """What the challenger predicts is possible at all."""

    range: Annotated[
        tuple[float, float] | None,
        Meta(description="Of the predicted values; of probabilities it is always 0 to 1."),
    ] = None
    outside: Annotated[Share, Meta(description="Share of rows that may be out of the range.")] = 0.0
    nulls: Annotated[Share, Meta(description="Share of rows that may have no prediction.")] = 0.0
    distinct_at_least: Annotated[
        int, Meta(ge=1, description="1 allows a model that always says the same.")
    ] = 2
    labels: Annotated[
        list[str | int | float | bool] | None,
        Meta(description="All that may be predicted. Default: the labels of the data."),
    ] = None

    def __post_init__(self) -> None:
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError("`range` is [lowest, highest]")


class Leakage(Strict, frozen=True):
    """The evaluation data was not seen in training, and no column gives the label away."""

    train: Annotated[
        str | None,
        Meta(description="A dataset version. Default: what the challenger's run read."),
    ] = None
    rows: Annotated[bool, Meta(description="No row stands in both.")] = True
    ids: Annotated[bool, Meta(description="No `evaluate.id` stands in both.")] = True
    time: Annotated[
        str | None, Meta(description="A column: training ends before evaluation begins.")
    ] = None
    overlap: Annotated[Share, Meta(description="Share of rows that may stand in both.")] = 0.0
    feature_auc: Annotated[
        Annotated[float, Meta(ge=0.5, le=1)] | None,
        Meta(description="A single column that ranks the label better is a leak."),
    ] = 0.98


class Drift(Strict, frozen=True):
    """The evaluation data looks as the training data did: effect and significance together."""

    against: Annotated[
        str | None,
        Meta(description="A dataset version. Default: what the challenger's run read."),
    ] = None
    columns: Annotated[list[str] | None, Meta(description="Default: what the model uses.")] = None
    psi: Annotated[
        Positive, Meta(description="Population stability index from which a shift counts.")
    ] = 0.1


class Latency(Strict, frozen=True):
    """How long a prediction takes, and how large the model is. Give one or both."""

    p95_ms: Annotated[Positive | None, Meta(description="Milliseconds, 95 of 100 calls.")] = None
    rows: Annotated[int, Meta(ge=1, description="Rows in one call.")] = 1
    size_mb: Annotated[Positive | None, Meta(description="Of the stored model, in 10^6 bytes.")] = (
        None
    )

    def __post_init__(self) -> None:
        if self.p95_ms is None and self.size_mb is None:
            raise ValueError("`latency` needs `p95_ms` or `size_mb`")


class Reproducible(Strict, frozen=True):
    """The run, executed again from clean state, gives the same metrics."""

    tolerance: Annotated[
        float, Meta(ge=0, description="Relative and absolute. 0: they must be equal.")
    ] = 0.0


class Custom(Strict, frozen=True):
    """A check of one's own: a function that gets the case and returns a Verdict."""

    function: Function
    arguments: dict[str, Any] = {}


class Check(Strict, frozen=True):
    """One line of a gate: exactly one kind of check."""

    schema: Schema | None = None
    predictions: Predictions | None = None
    floor: Floor | None = None
    compare: Compare | None = None
    slices: Slices | None = None
    leakage: Leakage | None = None
    drift: Drift | None = None
    latency: Latency | None = None
    reproducible: Reproducible | None = None
    custom: Custom | None = None

    def __post_init__(self) -> None:
        if len(self._given()) != 1:
            raise ValueError(f"a check is exactly one of {', '.join(self.__struct_fields__)}")

    def _given(self) -> list[str]:
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]

    @property
    def kind(self) -> str:
        """Which kind of check it is, as it is written in ``mlops.yaml``."""
        return self._given()[0]


class OwnMetric(Strict, frozen=True):
    """A metric of the project's own: ``function(truth, predicted)`` returns a number."""

    function: Function
    greater_is_better: bool = True


class Looks(Strict, frozen=True):
    """How many candidates may be judged on the same evaluation rows.

    Who tries often enough finds one that is good on these rows by chance alone.
    """

    warn: Annotated[int, Meta(ge=1)] = 20
    stop: Annotated[int, Meta(ge=1, description="From here on the gate holds.")] = 100

    def __post_init__(self) -> None:
        if self.warn > self.stop:
            raise ValueError("`warn` of `looks` is above its `stop`")


class Evaluate(Strict, frozen=True):
    """The rows on which challenger and champion are scored."""

    data: Annotated[str, Meta(description="A dataset version, e.g. flights@7 or flights@latest.")]
    label: Annotated[str, Meta(description="The column to predict.")]
    id: Annotated[
        str | None,
        Meta(description="The column that names a row; a value that stands twice is refused."),
    ] = None
    cluster_by: Annotated[
        str | None,
        Meta(description="Rows with the same value here are not independent: one customer's."),
    ] = None
    group: Annotated[
        str | None, Meta(description="For ranking: rows with the same value are one query.")
    ] = None
    metrics: Annotated[dict[Name, OwnMetric], Meta(description="Metrics of one's own.")] = {}
    looks: Looks = Looks()


class Approval(Strict, frozen=True):
    """Who must say yes before the alias moves."""

    when: Annotated[
        Literal["always", "hold", "never"],
        Meta(description="hold: only when the evidence does not settle it."),
    ] = "always"
    by: Annotated[
        list[str], Meta(description="Names as `mlops decisions` shows them. Default: anybody.")
    ] = []
    count: Annotated[int, Meta(ge=1, description="How many different people.")] = 1
    expires: Annotated[str, Meta(description="How long a decision waits: 12h, 7d.")] = "7d"
    own: Annotated[
        bool, Meta(description="Whether who asked for the release may approve it too.")
    ] = False

    def __post_init__(self) -> None:
        age_in_seconds(self.expires, "approval", "expires")

    @property
    def expires_seconds(self) -> float:
        """How long a decision waits for its approvals."""
        return age_in_seconds(self.expires, "approval", "expires")


class Model(Strict, frozen=True):
    """A model that is released: which pipeline makes it, and what it must pass."""

    evaluate: Evaluate
    checks: Annotated[list[Check], Meta(min_length=1)]
    pipeline: Annotated[
        Name | None, Meta(description="What `mlops release` runs. `mlops gate` needs none.")
    ] = None
    level: Annotated[
        float,
        Meta(gt=0, lt=0.5, description="How often a check may be wrong by chance: 0.05 is 5 %."),
    ] = 0.05
    inconclusive: Annotated[
        Literal["hold", "fail"], Meta(description="What evidence that settles nothing gives.")
    ] = "hold"
    approval: Approval | None = None

    def data(self) -> tuple[str, ...]:
        """Return all dataset versions that the gate names."""
        named: list[str | None] = [self.evaluate.data]
        for check in self.checks:
            named.append(check.leakage.train if check.leakage else None)
            named.append(check.drift.against if check.drift else None)
        return tuple(name for name in named if name is not None)
