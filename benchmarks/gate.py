"""A gate: CPU seconds of each part, beyond the models' own predictions.

    python benchmarks/gate.py                                     10,000 to 1,000,000 rows
    python benchmarks/gate.py --rows 1000000 --slices 33
    python benchmarks/gate.py --rows 50000 --peer                 mlflow.models.evaluate beside it

Challenger and champion are scored on the same rows of 20 features; log-loss, area under the ROC
curve and accuracy are compared by paired intervals, slices are tested, and the 20 columns are
looked at for drift against the stored profile of the training data. The peer scores one model at
a time, keeps no rows and compares nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import numpy as np
import pandas as pd
import report
from sklearn.linear_model import LogisticRegression

from mlops_jupyter.config import Check, Compare, Drift, Evaluate, Model, Slices
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import init
from mlops_jupyter.promotion import gates
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.decision import GateReport
from mlops_jupyter.promotion.scoring import evaluation, metric
from mlops_jupyter.promotion.scoring.prediction import predict
from mlops_jupyter.promotion.scoring.rows import take_rows

NUMBERS, CATEGORIES = 15, 5
COMPARED = ("log_loss", "roc_auc", "accuracy")
TRAINING_ROWS = 20_000


class Clock:
    """CPU seconds of this process, by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def of(self, part: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.process_time() - start


def people(rows: int, seed: int, region: int) -> pd.DataFrame:
    """Return 15 numbers, 5 categories, and a label that some of them tell something of."""
    random = np.random.default_rng(seed)
    frame = {f"number_{n}": random.normal(size=rows) for n in range(NUMBERS)}
    for n, values in enumerate((region, 4, 7, 3, 5)):
        frame[f"category_{n}"] = random.integers(0, values, rows)
    weight = sum(frame[f"number_{n}"] / (n + 1) for n in range(5))
    frame["late"] = (weight + random.normal(0, 1.5, rows) > 0).astype(int)
    made = pd.DataFrame(frame)
    for n in range(CATEGORIES):
        made[f"category_{n}"] = "value " + made[f"category_{n}"].astype(str)
    return made


def policy() -> Model:
    """Return three comparisons and slices: by two categories, 5 bins and a condition."""
    by = ["category_0", "category_1", "number_0/5", "category_2 == 'value 3' and number_1 > 0"]
    checks = [Check(compare=Compare(name)) for name in COMPARED]
    checks.append(Check(slices=Slices(by=by, metric="accuracy")))
    return Model(evaluate=Evaluate(data="test@1", label="late"), checks=checks)


def gated(rows: int, slices: int) -> tuple[dict[str, float], GateReport, int]:
    """Return the seconds of each part of a gate, its report, and how many slices it tested."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        project = init(Path(folder) / "project")
        region = max(slices - 10, 2)
        train = people(TRAINING_ROWS, 1, region)
        snapshot(project, train, "train")
        data = snapshot(project, people(rows, 2, region), "test")
        asked = policy()
        with clock.of("rows are read"):
            taken = take_rows(project, data, asked.evaluate)
        names = [f"number_{n}" for n in range(NUMBERS)]
        sides = []
        for version, strength in ((2, 1.0), (1, 0.01)):
            fitted = LogisticRegression(C=strength).fit(train[names], train["late"])
            with clock.of("both predict"):
                scores = predict(f"late v{version}", fitted, taken)
            with clock.of("metrics"):
                values = metric.score(scores)
            with clock.of("scores are kept"):
                kept = evaluation.keep(project, "late", version, scores, taken, values)
            made = ModelVersion("late", version, "run", "blake3:0", "now")
            sides.append(Contender(made, fitted, None, scores, kept))
        case = Case(project, asked, taken, *sides)
        for part, kinds in (("comparisons", {"compare"}), ("slices", {"slices"})):
            checks = [check for check in asked.checks if check.kind in kinds]
            with clock.of(part):
                report_of = gates.judge(_with(case, checks))
        with clock.of("drift of 20 columns"):
            gates.judge(_with(case, [Check(drift=Drift(against="train@1", columns=_features()))]))
        return clock.seconds, report_of, _tested(report_of)


def _features() -> list[str]:
    return [
        *(f"number_{n}" for n in range(NUMBERS)),
        *(f"category_{n}" for n in range(CATEGORIES)),
    ]


def _with(case: Case, checks: list[Check]) -> Case:
    from dataclasses import replace

    from msgspec import structs

    return replace(case, policy=structs.replace(case.policy, checks=checks))


def _tested(found: GateReport) -> int:
    words = found.checks[0].why.split()
    return int(words[words.index("of") + 1]) if "of" in words else 0


def peer(rows: int) -> float:
    """Return the CPU seconds of `mlflow.models.evaluate` on two models that have predicted."""
    import mlflow

    train, test = people(TRAINING_ROWS, 1, 23), people(rows, 2, 23)
    names = [f"number_{n}" for n in range(NUMBERS)]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.create_experiment("peer", artifact_location=f"{folder}/artifacts")
        mlflow.set_experiment("peer")
        spent = 0.0
        for strength in (1.0, 0.01):
            fitted = LogisticRegression(C=strength).fit(train[names], train["late"])
            said = fitted.predict(test[names])
            with mlflow.start_run():
                start = time.process_time()
                mlflow.models.evaluate(
                    data=test[names].assign(late=test["late"], said=said),
                    targets="late", predictions="said", model_type="classifier",
                    evaluator_config={"log_model_explainability": False},
                )  # fmt: skip
                spent += time.process_time() - start
        return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--slices", type=int, default=33)
    parser.add_argument("--peer", action="store_true", help="mlflow.models.evaluate beside it")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    gated(1_000, options.slices)  # what is imported costs nothing later
    figures: dict[str, Any] = {}
    for rows in options.rows:
        seconds, _, tested = gated(rows, options.slices)
        beyond = sum(spent for part, spent in seconds.items() if part != "both predict")
        judged = seconds["comparisons"] + seconds["slices"] + seconds["drift of 20 columns"]
        seconds |= {"judging alone": judged, "the whole beyond predict": beyond}
        if options.peer:
            seconds["mlflow.models.evaluate, two models"] = peer(rows)
        figures[str(rows)] = {"slices": tested, "cpu_seconds": seconds}
    parts = list(next(iter(figures.values()))["cpu_seconds"])
    report.table(
        f"a gate: CPU seconds, {options.slices} slices",
        ["part", *(f"{rows:,} rows" for rows in options.rows)],
        [[part, *(one["cpu_seconds"][part] for one in figures.values())] for part in parts],
    )
    report.write(options.json, {"gate": figures})


if __name__ == "__main__":
    main()
