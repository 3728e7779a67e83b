"""Fingerprints: equal while nothing changes, different once something has."""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import random
import threading
import time
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sparse
from sklearn.linear_model import LinearRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_jupyter.kernel.fingerprint import Clock, Fingerprint, fingerprint
from mlops_jupyter.kernel.kind import installed_check

IS_USER = installed_check()


def look(value: Any, seconds: float = 10.0) -> Fingerprint:
    clock = Clock(credit_seconds=seconds, least_seconds=seconds)
    clock.start(0.0)
    return fingerprint(value, clock, IS_USER)


class Plain:
    count = 0

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def method(self) -> int:
        return threshold + self.count  # type: ignore[name-defined]  # noqa: F821


class Slotted:
    __slots__ = ("a", "b")


@dataclass
class Record:
    items: list[int] = field(default_factory=list)


class Colour(enum.Enum):
    RED = 1


class MyDict(dict):  # type: ignore[type-arg]
    pass


class MyList(list):  # type: ignore[type-arg]
    pass


def slotted() -> Slotted:
    made = Slotted()
    made.a = [1]
    return made


def counter() -> Callable[[], int]:
    seen = [0]

    def count() -> int:
        seen[0] += 1
        return seen[0]

    return count


def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [1, 2, 3], "b": list("xyz"), "c": [0.5, None, 1.5]})


def fitted() -> LinearRegression:
    return LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])


def setter(name: str, value: Any) -> Callable[[Any], None]:
    return lambda obj: setattr(obj, name, value)


def item(key: Any, value: Any) -> Callable[[Any], None]:
    return lambda obj: obj.__setitem__(key, value)


CHANGES: list[tuple[str, Callable[[], Any], Callable[[Any], Any]]] = [
    ("list", lambda: [1, 2], lambda x: x.append(3)),
    ("list, equal length", lambda: [1, 2], item(0, 9)),
    ("long list of numbers", lambda: list(range(5000)), item(4321, -1)),
    ("long list of texts", lambda: [str(i) for i in range(5000)], item(4321, "x")),
    ("nested list", lambda: [[1], [2]], lambda x: x[1].append(3)),
    ("list in a tuple", lambda: ([1], 2), lambda x: x[0].append(3)),
    ("dict", lambda: {"a": 1}, item("b", 2)),
    ("dict, order", lambda: {"a": 1, "b": 2}, lambda x: x.update(a=x.pop("a"))),
    ("set", lambda: {1}, lambda x: x.add(2)),
    ("bytearray", lambda: bytearray(b"ab"), item(0, 1)),
    ("deque", lambda: collections.deque([1]), lambda x: x.append(2)),
    ("Counter", lambda: collections.Counter("aab"), lambda x: x.update("b")),
    ("OrderedDict", lambda: collections.OrderedDict(a=1, b=2), lambda x: x.move_to_end("a")),
    ("defaultdict", lambda: collections.defaultdict(list), lambda x: x["new"]),
    ("ChainMap", lambda: collections.ChainMap({}, {"a": 1}), item("a", 2)),
    ("UserList", lambda: collections.UserList([1]), lambda x: x.append(2)),
    ("array.array", lambda: array.array("i", [1, 2]), item(0, 5)),
    ("memory of a view", lambda: memoryview(bytearray(b"ab")), item(0, 1)),
    ("SimpleNamespace", lambda: types.SimpleNamespace(a=1), setter("a", 2)),
    ("StringIO", lambda: io.StringIO("ab"), lambda x: x.read(1)),
    ("BytesIO", lambda: io.BytesIO(b"ab"), lambda x: x.seek(1)),
    ("iterator", lambda: iter([1, 2, 3]), next),
    ("enumerate", lambda: enumerate("abc"), next),
    ("zip", lambda: zip([1, 2], [3, 4], strict=True), next),
    ("generator", lambda: (x for x in [1, 2]), next),
    ("Random", lambda: random.Random(1), lambda x: x.random()),
    ("decimal context", lambda: decimal.Context(prec=4), setter("prec", 9)),
    ("instance", lambda: Plain(a=1), setter("a", 2)),
    ("list in an instance", lambda: Plain(a=[]), lambda x: x.a.append(1)),
    ("slots", slotted, lambda x: x.a.append(2)),
    ("new slot", slotted, setter("b", 1)),
    ("dataclass", Record, lambda x: x.items.append(1)),
    ("own dict", lambda: MyDict(a=1), item("a", 2)),
    ("own dict, attribute", lambda: MyDict(a=1), setter("note", 2)),
    ("own list", lambda: MyList([1]), lambda x: x.append(2)),
    ("closure", counter, lambda x: x()),
    ("attribute of a function", counter, setter("calls", 1)),
    ("partial", lambda: functools.partial(max, [1]), lambda x: x.args[0].append(2)),
    ("bound method", lambda: Plain(a=1).method, lambda x: setattr(x.__self__, "a", 2)),
    ("default argument", lambda: eval("lambda x=[]: x"), lambda x: x().append(1)),
    ("numpy array", lambda: np.arange(4), item(0, 9)),
    ("numpy, Fortran order", lambda: np.asfortranarray(np.ones((3, 2))), item((0, 0), 9)),
    ("numpy view with gaps", lambda: np.arange(9)[::2], item(0, 9)),
    ("numpy objects", lambda: np.array([[1], "a"], dtype=object), lambda x: x[0].append(2)),
    ("numpy structured", lambda: np.zeros(2, dtype=[("a", "i4")]), item(("a"), 1)),
    ("numpy masked", lambda: np.ma.array([1, 2], mask=[0, 0]), item(0, np.ma.masked)),
    ("numpy dates", lambda: np.array(["2020-01-01"], "M8[D]"), lambda x: np.add(x, 1, out=x)),
    ("numpy Generator", lambda: np.random.default_rng(0), lambda x: x.random()),
    ("numpy RandomState", lambda: np.random.RandomState(0), lambda x: x.rand()),
    ("frame, column", frame, item("d", 1)),
    ("frame, cell", frame, lambda x: x.loc.__setitem__((0, "a"), 9)),
    ("frame, text", frame, lambda x: x.loc.__setitem__((0, "b"), "q")),
    ("frame, names", frame, setter("columns", ["x", "y", "z"])),
    ("frame, index", frame, setter("index", [3, 4, 5])),
    ("frame, drop", frame, lambda x: x.drop(columns="a", inplace=True)),
    ("frame, sort", frame, lambda x: x.sort_values("a", ascending=False, inplace=True)),
    ("frame, insert", frame, lambda x: x.insert(0, "q", 1)),
    ("frame, attrs", frame, lambda x: x.attrs.update(source="here")),
    ("series", lambda: pd.Series([1.0, 2.0]), item(0, 5.0)),
    ("series, name", lambda: pd.Series([1.0]), setter("name", "x")),
    ("categorical", lambda: pd.Categorical(["a", "b"]), item(0, "b")),
    ("extension array", lambda: pd.array([1, None], dtype="Int64"), item(1, 5)),
    ("timestamps", lambda: pd.Series(pd.date_range("2020", periods=2)), item(0, pd.NaT)),
    ("arrow strings", lambda: pd.Series(["a", "b"], dtype="string[pyarrow]"), item(0, "c")),
    ("sparse matrix", lambda: sparse.csr_matrix(np.eye(3)), lambda x: x.data.__setitem__(0, 5)),
    ("sparse lil", lambda: sparse.lil_matrix((2, 2)), item((0, 0), 5)),
    ("estimator", LinearRegression, lambda x: x.fit([[0.0], [1.0]], [0.0, 2.0])),
    ("estimator, again", fitted, lambda x: x.fit([[0.0], [1.0]], [0.0, 3.0])),
    ("estimator, parameter", fitted, lambda x: x.set_params(fit_intercept=False)),
    ("partial_fit", lambda: SGDClassifier(random_state=0).partial_fit([[0], [1]], [0, 1], [0, 1]),
     lambda x: x.partial_fit([[0], [1]], [1, 0])),
    ("step of a pipeline", lambda: make_pipeline(StandardScaler(), LinearRegression()),
     lambda x: x.fit([[0.0], [1.0]], [0.0, 2.0])),
    ("lock in a dict", lambda: {"lock": threading.Lock(), "a": 1}, item("a", 2)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "change"), [pytest.param(m, c, id=name) for name, m, c in CHANGES]
)
def test_a_change_shows(make: Callable[[], Any], change: Callable[[Any], Any]) -> None:
    value = make()
    before, again = look(value), look(value)
    change(value)
    after = look(value)

    if not before.opaque:
        assert before.digest == again.digest, "nothing has changed"
    assert after.opaque or after.digest != before.digest


UNCHANGING = [
    (1, 2, "x"),
    frozenset({1, 2}),
    dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    dt.date(2020, 1, 1),
    decimal.Decimal("1.5"),
    fractions.Fraction(1, 3),
    Colour.RED,
    pa.table({"a": [1, 2]}),
    pd.Timestamp("2020-01-01"),
    pd.Index([1, 2]),
    np.float64(1.5),
    slice(1, 2),
    np,
    len,
    Colour,
    Record,
    int,
]


@pytest.mark.parametrize("value", UNCHANGING, ids=repr)
def test_what_nobody_touches_stays_equal(value: Any) -> None:
    assert look(value).digest == look(value).digest
    assert not look(value).opaque


def test_a_class_changes_with_its_methods_and_attributes() -> None:
    class Local:
        count = 0

        def method(self) -> int:
            return 1

    instance = Local()
    first, of_instance = look(Local), look(instance)
    Local.method = lambda self: 2  # type: ignore[method-assign,misc,assignment]
    second = look(Local)
    Local.count = 1
    assert len({first.digest, second.digest, look(Local).digest}) == 3
    assert look(instance).digest != of_instance.digest


def test_functions_name_what_they_read() -> None:
    assert {"threshold", "count"} <= look(Plain(a=1)).names
    assert "threshold" in look([Plain().method]).names
    assert "threshold" in look(functools.partial(Plain.method, 1)).names
    assert "threshold" in look(functools.lru_cache(Plain.method)).names


def sharing() -> list[tuple[str, Any, Any]]:
    items: list[int] = [1]
    values = np.arange(10)
    table = pd.DataFrame({"a": [1, 2]})
    record = Record()
    return [
        ("list in a dict", items, {"k": items}),
        ("list in an object", items, Plain(a=items)),
        ("view", values, values[2:5]),
        ("view with gaps", values, values[::3]),
        ("two views", values[:4], values[6:].reshape(2, 2)),
        ("frame in a tuple", table, (table, 1)),
        ("method", record, record.__eq__),
        ("class and instance", Plain, Plain()),
    ]


@pytest.mark.parametrize(("one", "other"), [pytest.param(a, b, id=n) for n, a, b in sharing()])
def test_what_shares_memory_is_seen(one: Any, other: Any) -> None:
    assert look(one).shares & look(other).shares


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1], [1]),
        (np.arange(3), np.arange(3)),
        (frame(), frame()),
        (fitted(), fitted()),
        ({"a": 1.5}, [None, "a"]),
    ],
)
def test_equal_things_share_nothing(one: Any, other: Any) -> None:
    assert not look(one).shares & look(other).shares


def test_cycles_end() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    node = Plain()
    node.me = node  # type: ignore[attr-defined]
    assert look(ring).digest == look(ring).digest
    assert look(node).digest == look(node).digest


class Rude:
    """Raises, or prints, whatever is asked of it."""

    def _rude(self, *_: Any, **__: Any) -> Any:
        raise SystemExit("a method of the user was called")

    __repr__ = __eq__ = __len__ = __iter__ = __bool__ = _rude  # type: ignore[assignment]
    __getstate__ = __reduce__ = __copy__ = __del__ = _rude
    __reduce_ex__ = _rude
    __hash__ = _rude  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        raise SystemExit(f"asked for {name}")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_methods_of_the_user_are_never_called() -> None:
    rude = Rude()
    rude.values = [1]  # type: ignore[attr-defined]
    before = look([rude])
    rude.values.append(2)
    assert look([rude]).digest != before.digest
    Rude.__del__ = lambda self: None  # type: ignore[attr-defined]


def test_what_would_take_too_long_is_not_walked() -> None:
    deep = [[str(i), [i]] for i in range(300_000)]
    found = look(deep, seconds=0.01)
    assert (found.digest, found.opaque) == (b"", "too large")
    assert look(np.zeros(300_000_000, dtype="u1"), seconds=0.01).opaque == "too large"
    column = np.zeros((2_000_000, 10))[:, 3]
    assert look(column, seconds=0.01).opaque == "too large"


def test_a_deep_nest_is_opaque_and_no_error() -> None:
    nest: list[Any] = []
    for _ in range(100_000):
        nest = [nest]
    assert look(nest).opaque


def test_a_long_list_of_plain_values_is_not_begun_without_the_time() -> None:
    long = list(map(str, range(2_000_000)))
    began = time.thread_time()
    assert look(long, seconds=0.01).opaque == "too large"
    assert time.thread_time() - began < 0.05
    before = look(long)
    long[1_999_999] += "!"
    assert before.opaque == ""
    assert look(long).digest not in (b"", before.digest)
