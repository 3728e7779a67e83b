"""What a cell says about its run: parameters, metrics, the fitted model.

Everything here looks at what the user's names hold after the cell, without importing a
library that the user has not imported. Types are asked for with `type`: `isinstance` calls
``__class__`` of the object, which may be the user's code.
"""

from __future__ import annotations

import numbers
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from mlops_jupyter.runs.recorder import FittedModel

LONGEST = 500
"""Characters of a parameter that is not plain data, e.g. a function."""

EXAMPLE_ROWS = 5


def plain(value: Any) -> Any:
    """Return a value as JSON can carry it; what is not data becomes its repr, cut."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else repr(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: plain(item) for key, item in value.items()}
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return plain(value.item())
    name = getattr(value, "__qualname__", None)
    return (name if isinstance(name, str) else repr(value))[:LONGEST]


def parameters(names: Iterable[str], namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the names that hold plain data, with their values."""
    found = {}
    for name in names:
        value = namespace.get(name)
        if name in namespace and not name.startswith("_") and _is_data(value):
            found[name] = plain(value)
    return found


def metrics(names: Iterable[str], namespace: Mapping[str, Any]) -> dict[tuple[str, int], float]:
    """Return those of the names that hold a real number (bool is none), as step 0."""
    found = {}
    for name in names:
        value: Any = namespace.get(name)
        if (
            issubclass(type(value), numbers.Real)
            and type(value) is not bool
            and not name.startswith("_")
        ):
            found[name, 0] = float(value)
    return found


def estimators(names: Iterable[str], namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the names that hold a fitted scikit-learn estimator."""
    base = sys.modules.get("sklearn.base")
    kind = getattr(base, "BaseEstimator", None)
    if kind is None:
        return {}
    return {
        name: namespace[name]
        for name in dict.fromkeys(names)
        if issubclass(type(namespace.get(name)), kind) and _is_fitted(namespace[name])
    }


def estimator_parameters(fitted: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``get_params()`` of each estimator, each named after the variable: ``clf.alpha``."""
    found: dict[str, Any] = {}
    for name, estimator in fitted.items():
        found[name] = type(estimator).__name__
        for key, value in estimator.get_params(deep=True).items():
            if not _holds_estimators(value):
                found[f"{name}.{key}"] = plain(value)
    return found


def model(fitted: Mapping[str, Any], frames: Iterable[Any]) -> FittedModel | None:
    """Return the last of the estimators that can predict, pickled, or None.

    Parameters
    ----------
    fitted : mapping of str to estimator
        In the order in which the cell bound them.
    frames : iterable of object
        What the cell could see; the first one that has the model's columns lends
        `EXAMPLE_ROWS` rows, from which the model's signature is read.
    """
    import cloudpickle

    candidates = [e for e in fitted.values() if hasattr(e, "predict")]
    if not candidates:
        return None
    chosen = candidates[-1]
    example = _example(chosen, frames)
    return FittedModel(
        kind=type(chosen).__name__,
        content=cloudpickle.dumps(chosen, protocol=5),
        example=None if example is None else cloudpickle.dumps(example, protocol=5),
    )


def _example(estimator: Any, frames: Iterable[Any]) -> Any:
    columns = getattr(estimator, "feature_names_in_", None)
    count = getattr(estimator, "n_features_in_", None)
    for frame in frames:
        kind = f"{type(frame).__module__.partition('.')[0]}.{type(frame).__name__}"
        if kind == "pandas.DataFrame" and columns is not None:
            fits, rows = set(columns) <= set(frame.columns), frame
        elif kind == "numpy.ndarray" and columns is None:
            fits, rows = frame.ndim == 2 and frame.shape[1] == count, frame
        else:
            continue
        if fits and len(rows):
            chosen = rows if columns is None else rows[list(columns)]
            return chosen[:EXAMPLE_ROWS].copy()
    return None


def _is_fitted(estimator: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True


def _holds_estimators(value: Any) -> bool:
    return any(hasattr(item, "get_params") for item in _flat(value))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _is_data(value: Any) -> bool:
    if type(value) in {bool, int, float, str, type(None)}:
        return True
    if type(value) not in {list, tuple, dict}:
        return False
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError):
        return False
    return True
