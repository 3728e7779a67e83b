"""How the value of a metric is written for people."""

from __future__ import annotations

import math

import pytest

from mlops_jupyter.runs.metric import (
    best,
    delta_text,
    greater_is_better,
    metric_text,
    sparkline,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nan"),
        (float("inf"), "inf"),
        (0.65678, "0.6568"),
        (-0.5, "-0.5"),
        (3.0, "3"),
        (55769.0, "55,769"),
        (1234.56, "1,234.6"),
        (1e-9, "1e-09"),
        (1e300, "1e+300"),
    ],
)
def test_a_value_as_people_read_it(value: float | None, text: str) -> None:
    assert metric_text(value) == text


def test_more_digits_when_they_are_needed() -> None:
    assert metric_text(0.123456789, 6) == "0.123457"
    assert metric_text(1234.56789, 8) == "1,234.5679"


@pytest.mark.parametrize(
    "name", ["accuracy", "roc_auc", "r2", "f1", "neg_log_loss", "closs_sales", "model.best_score"]
)
def test_more_is_better(name: str) -> None:
    assert greater_is_better(name)


@pytest.mark.parametrize(
    "name", ["loss", "val_loss", "valLoss", "model.valid_0.l2", "RMSE", "log_loss", "fit_seconds"]
)
def test_less_is_better(name: str) -> None:
    assert not greater_is_better(name)


@pytest.mark.parametrize(
    ("name", "value", "best_before", "text"),
    [
        ("auc", 0.82, 0.8, "+0.02, the best so far"),
        ("auc", 0.79, 0.8, "−0.01 to the best"),
        ("loss", 0.79, 0.8, "−0.01, the best so far"),
        ("auc", 0.8, 0.8, "as good as the best"),
        ("auc", math.nan, 0.8, "best 0.8"),
        ("loss", 1e-9, 0.0, "+1e-09 to the best"),
    ],
)
def test_the_distance_to_the_best(name: str, value: float, best_before: float, text: str) -> None:
    assert delta_text(name, value, best_before) == text


def test_nan_is_never_the_best() -> None:
    assert best("auc", [None, 0.5, math.nan, 0.7]) == 0.7
    assert best("loss", [0.5, 0.7]) == 0.5
    assert best("auc", [None]) is None


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([1, 2, 4, 8], "▁▂▄█"),
        ([5, 5], "▁▁"),
        ([0, None, math.inf, 1], "▁  █"),
        ([None], ""),
        ([], ""),
    ],
)
def test_a_sparkline(values: list[float | None], line: str) -> None:
    assert sparkline(values) == line


def test_a_long_sparkline_is_as_wide_as_a_cell() -> None:
    assert sparkline(range(1000), width=8) == "▁▂▃▄▅▆▇█"
