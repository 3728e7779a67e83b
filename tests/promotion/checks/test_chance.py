"""Rows that repeat by nature are in training and evaluation by chance, and no leak."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.promotion.checks import chance
from tests.promotion.checks.cases import (
    only,
)
from tests.promotion.checks.leaks import ONLY_ROWS, check
from tests.promotion.training import flights


@pytest.fixture
def project(shared_project: Project) -> Project:
    return shared_project


class TestRowsThatRepeatByNature:
    """Three categories have few different rows: that many are shared is no leak."""

    def categories(self, rows: int, seed: int, values: int = 4) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        made = {name: random.integers(0, values, rows) for name in "abc"}
        return pd.DataFrame({**made, "late": random.integers(0, 2, rows)})

    @pytest.mark.parametrize("values", [3, 6, 12])
    def test_chance_is_no_leak(self, project: Project, values: int) -> None:
        test, train = self.categories(301, 1, values), self.categories(900, 2, values)

        result = only(check(project, test, train, **ONLY_ROWS))

        assert result.verdict == "pass"
        assert result.value > 0.2
        assert "would by chance, as rows repeat within the training data" in result.why

    def test_copies_above_chance_are_one(self, project: Project) -> None:
        train = self.categories(900, 2, 12)
        test = pd.concat([self.categories(151, 1, 12), train.head(150)])

        result = only(check(project, test, train, **ONLY_ROWS))

        assert result.verdict == "fail"
        assert result.p is not None
        assert result.p < 0.001

    def test_training_rows_that_were_copied_say_nothing_of_nature(self, project: Project) -> None:
        train = flights(200, 3)

        result = only(check(project, train.head(83), pd.concat([train] * 3), **ONLY_ROWS))

        assert (result.verdict, result.value) == ("fail", 1)

    def test_many_columns_of_few_values(self, project: Project) -> None:
        """No training row repeats; a few in three hundred are shared all the same."""
        made = [
            pd.DataFrame({str(n): np.random.default_rng(seed).integers(0, 10, (rows, 5))[:, n]
                          for n in range(5)}).assign(late=0)
            for seed, rows in ((1, 302), (2, 300))
        ]  # fmt: skip
        made[1].iloc[0] = made[0].iloc[0]

        result = only(check(project, *made, **ONLY_ROWS))

        assert (result.verdict, result.value) == ("pass", 3 / 302)
        assert "1 would by chance, as the columns have few values" in result.why

    def test_a_source_that_holds_rows_twice_and_was_cut_at_random(self, project: Project) -> None:
        """Training repeats as many, and still they are copies: no two measurements are equal."""
        source = flights(1000, 4)
        both = pd.concat([source, source.head(100)]).sample(frac=1, random_state=1)

        result = only(check(project, both.head(303), both.tail(797), **ONLY_ROWS))

        assert result.verdict == "fail"
        assert "by chance" not in result.why


@pytest.mark.parametrize(
    ("column", "measured"),
    [
        (np.random.default_rng(1).normal(size=500), True),
        (np.random.default_rng(1).normal(size=500).round(6), False),
        (np.log1p(np.arange(500) % 20), False),
        (np.arange(500), False),
        (np.arange(500.0), False),
        (np.full(500, np.nan), False),
        (np.zeros(500), False),
        (np.arange(1, 501) * 5e-324, False),
        (np.where(np.arange(500) % 2, np.inf, 0.0), False),
        (np.random.default_rng(1).normal(size=500).astype("float32"), False),
        (["a"] * 500, False),
    ],
)
def test_what_is_measured(column: Any, measured: bool) -> None:
    frame = pd.DataFrame({"x": column, "n": np.arange(500)})

    assert chance.is_measured(frame, [0, 1]) == measured


def test_chance_is_wrong_no_more_often_than_the_level() -> None:
    """A thousand possible rows of uneven frequency, and no copies."""
    random = np.random.default_rng(5)
    weights = random.pareto(1, 1000)
    wrong = 0
    for _ in range(200):
        ours, theirs = (
            random.choice(1000, rows, p=weights / weights.sum()).astype("uint64")
            for rows in (500, 2000)
        )
        expected, both = chance.of(theirs, ours, 0.0), np.isin(ours, theirs)
        is_wrong = expected.p(both.sum(), 500) < 0.05 and expected.is_much_less(both.mean())
        wrong += bool(is_wrong)
    assert wrong <= 10
