"""The digest of values: equal for equal values, in any process; another for any other."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlops_jupyter.pipelines import views
from mlops_jupyter.pipelines.digest import NoDigestError, digest_of_values
from mlops_jupyter.pipelines.reached import reached


def digest(**values: Any) -> str:
    shared = views.shared(value for _, value in reached(values))
    return digest_of_values(values, lambda value: False, shared)


class Airport:
    def __init__(self, name: str) -> None:
        self.name = name


def fitted(kind: Callable[..., Any], **options: Any) -> Any:
    table = np.arange(60.0).reshape(20, 3)
    return kind(**options).fit(table, np.arange(20) % 2)


MAKERS: dict[str, Callable[[], Any]] = {
    "text": lambda: "a" * 3,
    "set": lambda: {f"airport {n}" for n in range(50)},
    "nested": lambda: {"a": [1, (2.0, {"b": None})], "c": frozenset({"x", "y", "z"})},
    "ordered": lambda: OrderedDict(a=1, b=2),
    "defaults": lambda: defaultdict(list, a=[1]),
    "object": lambda: Airport("JFK"),
    "array": lambda: np.arange(12).reshape(3, 4).T,
    "gaps": lambda: np.arange(12)[::2],
    "objects": lambda: np.array([1, "a", None], dtype=object),
    "scalar": lambda: np.float64(0.5),
    "frame": lambda: pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, np.nan]}),
    "category": lambda: pd.DataFrame({"a": pd.Categorical(["x", "y", "x"])}, index=[3, 1, 2]),
    "dates": lambda: pd.Series(pd.date_range("2024-01-01", periods=3, tz="UTC"), name="day"),
    "many texts": lambda: pd.Series([f"text {n % 7}" for n in range(3000)]),
    "linear": lambda: fitted(LogisticRegression),
    "forest": lambda: fitted(RandomForestClassifier, n_estimators=3, random_state=1),
}


@pytest.mark.parametrize("name", MAKERS)
def test_equal_values_have_one_digest(name: str) -> None:
    assert digest(value=MAKERS[name]()) == digest(value=MAKERS[name]())


def test_the_digest_is_the_same_in_another_process() -> None:
    code = (
        "from tests.pipelines.test_digest import MAKERS, digest;"
        "print({name: digest(value=make()) for name, make in MAKERS.items()})"
    )
    found = {
        subprocess.run([sys.executable, "-c", code], env={**_environment(), "PYTHONHASHSEED": seed},
                       capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def test_different_values_have_different_digests() -> None:
    frame = MAKERS["frame"]()
    others = [
        1, 1.0, True, "1", b"1", None, [1], (1,), {1}, {"1": 1}, np.int64(1), np.array([1]),
        np.array([1.0]), frame, frame.assign(a=[1, 3]), frame.rename(columns={"a": "z"}),
        frame.iloc[::-1], frame.astype({"a": "float64"}), frame["a"], Airport("JFK"),
        Airport("LGA"), fitted(LogisticRegression), fitted(LogisticRegression, C=2.0),
        *(make() for name, make in MAKERS.items() if name in {"set", "category", "dates"}),
    ]  # fmt: skip
    found = [digest(value=other) for other in others]
    assert len(set(found)) == len(found)


def test_which_objects_are_one_counts() -> None:
    one = [1]
    assert digest(a=one, b=one) != digest(a=[1], b=[1])
    assert digest(a=one, b={"rows": one}) != digest(a=[1], b={"rows": [1]})
    memory = np.arange(4)
    assert digest(a=memory, b=memory[1:]) != digest(a=np.arange(4), b=np.arange(4)[1:].copy())
    text = str(10**9)  # a new object each time; of what cannot change it does not count
    assert digest(a=text, b=text) == digest(a=text, b=str(10**9))


def test_a_function_is_what_it_does() -> None:
    assert digest(f=lambda x: x + 1) == digest(f=lambda x: x + 1)
    assert digest(f=lambda x: x + 1) != digest(f=lambda x: x + 2)


def test_what_does_not_show_its_value_has_no_digest() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert digest(a=endless) == digest(a=endless)
    with pytest.raises(NoDigestError):
        digest(a=(n for n in range(3)))
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(NoDigestError):
        digest(a=deep)
