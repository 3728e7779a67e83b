"""How the value of a metric is written for people."""

from __future__ import annotations

import pytest

from mlops_jupyter.runs.metric import metric_text


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
