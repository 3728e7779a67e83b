"""Holm's adjustment agrees with statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from mlops_jupyter.promotion.statistics.multiplicity import holm


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_holm_agrees_with_statsmodels(count: int) -> None:
    p = np.random.default_rng(count).random(count) ** 3

    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-15)


def test_a_test_that_could_not_be_made_counts_for_nothing() -> None:
    assert holm([0.01, np.nan, 0.04]).tolist() == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert np.isnan(holm([np.nan, np.nan])).all()
    assert holm([]).tolist() == []


def test_equal_p_values_are_adjusted_alike_and_never_above_1() -> None:
    assert holm([0.6, 0.6, 0.01]).tolist() == pytest.approx([1.0, 1.0, 0.03])


@pytest.mark.parametrize("wrong", [[1.1], [-0.1], [[0.1]], [np.inf]])
def test_what_is_no_probability_is_refused(wrong: list) -> None:
    with pytest.raises(ValueError, match="p values"):
        holm(wrong)
