"""What fitted models look like in each library, none of which is imported for it.

A class is recognised by the names of its bases and of the modules that define them. What is
asked of an object may be the user's own code and may raise anything: `findings` catches it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

Curves = Mapping[str, Iterable[Any]]
"""Values of metrics by name, one for each step."""


def _nothing(_: Any) -> dict[str, Any]:
    return {}


class Library(msgspec.Struct, frozen=True):
    """How a kind of object is looked at.

    Attributes
    ----------
    is_model : bool
        Whether it predicts: an optimizer and a history of training do not.
    is_fitted : callable
        Whether it has learned something, as far as can be told.
    state : callable
        A cheap value that is another one after the object was fitted again.
    parameters : callable
        Its settings by name.
    curves : callable
        What it keeps of its training, as metrics.
    size_bytes : callable
        The size of what it learned, where that is cheap to know.
    """

    is_model: bool
    is_fitted: Callable[[Any], bool]
    state: Callable[[Any], object]
    parameters: Callable[[Any], dict[str, Any]] = _nothing
    curves: Callable[[Any], Curves] = _nothing
    size_bytes: Callable[[Any], int] = lambda _: 0


def loaded() -> bool:
    """Whether a library that we know is imported: without, nothing needs to be looked at."""
    return any(name in sys.modules for name in _ROOTS)


def of(value: Any) -> Library | None:
    """Return how to look at a value, or None when it is nothing that we know."""
    kind = type(value)
    try:
        return _known[kind]
    except KeyError:
        found = next((_BASES[base] for base in _bases(kind) if base in _BASES), None)
        _known[kind] = found
        return found


def _bases(kind: type) -> Iterator[tuple[str, str]]:
    return ((str(c.__module__), c.__name__) for c in kind.__mro__)


_known: weakref.WeakKeyDictionary[type, Library | None] = weakref.WeakKeyDictionary()


# scikit-learn, and the classes of XGBoost and LightGBM that follow it


def _sklearn_is_fitted(estimator: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True


def _identities(value: Any) -> object:
    """Fitting binds new objects while the old ones still live, so their ids tell it apart."""
    return tuple((key, id(part)) for key, part in vars(value).items())


def _get_params(estimator: Any) -> dict[str, Any]:
    settings = estimator.get_params(deep=True).items()
    found = {key: value for key, value in settings if not _holds_estimators(value)}
    best = getattr(estimator, "best_params_", None)
    if isinstance(best, dict):
        found |= {f"best.{key}": value for key, value in best.items()}
    return found


def _sklearn_curves(estimator: Any) -> dict[str, Any]:
    last = getattr(estimator, "_final_estimator", None)
    if last is not None and of(last) is not None:  # of a pipeline
        return _sklearn_curves(last)
    found = dict(series("", getattr(estimator, "evals_result_", None)))
    for name in ("loss_curve_", "validation_scores_", "validation_score_", "train_score_"):
        values = getattr(estimator, name, None)
        if values is not None:
            found |= series(name.rstrip("_"), values)
    for name in ("best_score_", "oob_score_"):
        value = getattr(estimator, name, None)
        if isinstance(value, float):  # LightGBM has the last values of its curves there
            found[name.rstrip("_")] = [value]
    return found


def _holds_estimators(value: Any) -> bool:
    return any(hasattr(item, "get_params") for item in _flat(value))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield value


# Boosters


def _xgboost_parameters(booster: Any) -> dict[str, Any]:
    learner = msgspec.json.decode(booster.save_config())["learner"]
    found = {"objective": learner["objective"]["name"], "rounds": booster.num_boosted_rounds()}
    gradient = learner["gradient_booster"]
    found["booster"] = gradient.get("name")
    for part in ("tree_train_param", "gblinear_train_param"):
        found |= {key: _number(text) for key, text in gradient.get(part, {}).items()}
    return found


def _number(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _lightgbm_parameters(booster: Any) -> dict[str, Any]:
    return {**booster.params, "rounds": booster.current_iteration()}


def _lightgbm_curves(booster: Any) -> dict[str, Any]:
    return dict(series("best", {data: dict(m) for data, m in booster.best_score.items()}))


# CatBoost


def _catboost_curves(model: Any) -> dict[str, Any]:
    return dict(series("", model.get_evals_result()))


# PyTorch


def _torch_versions(module: Any) -> object:
    """Each change in place of a tensor counts up its version."""
    return tuple((id(p), p._version) for p in module.parameters())  # noqa: SLF001


def _torch_is_fitted(module: Any) -> bool:
    return any(p.grad is not None for p in module.parameters())


def _torch_parameters(module: Any) -> dict[str, Any]:
    return {
        "weights": sum(p.numel() for p in module.parameters()),
        "trainable": sum(p.numel() for p in module.parameters() if p.requires_grad),
    }


def _torch_size(module: Any) -> int:
    tensors = [*module.parameters(), *module.buffers()]
    return sum(t.numel() * t.element_size() for t in tensors)


def _optimizer_parameters(optimizer: Any) -> dict[str, Any]:
    group = optimizer.param_groups[0]
    return {key: value for key, value in group.items() if key != "params" and value is not None}


# Keras


def _keras_state(model: Any) -> object:
    optimizer = getattr(model, "optimizer", None)
    iterations = getattr(optimizer, "iterations", None)
    return (id(getattr(model, "history", None)), None if iterations is None else int(iterations))


def _keras_is_fitted(model: Any) -> bool:
    optimizer = getattr(model, "optimizer", None)
    return optimizer is not None and int(optimizer.iterations) > 0


def _keras_parameters(model: Any) -> dict[str, Any]:
    found = {"weights": model.count_params(), "layers": len(model.layers)}
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        settings = optimizer.get_config()
        name = settings.pop("name", type(optimizer).__name__)
        found |= {"optimizer": name, "loss": getattr(model, "loss", None)}
        found |= {f"optimizer.{k}": v for k, v in settings.items() if isinstance(v, int | float)}
    return found


def _history_curves(history: Any) -> dict[str, Any]:
    return dict(series("", history.history))


def series(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give the series in nested mappings: ``{"valid_0": {"l2": [0.3, 0.2]}}`` is ``valid_0.l2``."""
    if isinstance(value, Mapping):
        for key, part in islice(value.items(), 100):
            yield from series(f"{name}.{key}" if name else str(key), part)
    elif isinstance(value, float) or (value is not None and hasattr(value, "__len__")):
        yield name, [value] if isinstance(value, float) else value


def on_cpu(model: Any) -> Any:
    """Return a PyTorch model whose tensors are in main memory: a copy, if they are not."""
    if of(model) is _TORCH and any(p.device.type != "cpu" for p in model.parameters()):
        import copy

        return copy.deepcopy(model).to("cpu")
    return model


def _has_rounds(booster: Any) -> bool:
    return bool(booster.num_boosted_rounds() > 0)


_SKLEARN = Library(True, _sklearn_is_fitted, _identities, _get_params, _sklearn_curves)
_XGBOOST = Library(
    True, _has_rounds, lambda b: (id(b), b.num_boosted_rounds()), _xgboost_parameters
)
_LIGHTGBM = Library(
    True,
    lambda b: b.current_iteration() > 0,
    lambda b: (id(b), b.current_iteration()),
    _lightgbm_parameters,
    _lightgbm_curves,
)
_CATBOOST = Library(
    True,
    lambda m: bool(m.is_fitted()),
    lambda m: (id(m._object), m.tree_count_),  # noqa: SLF001
    lambda m: dict(m.get_params()),
    _catboost_curves,
)
_TORCH = Library(True, _torch_is_fitted, _torch_versions, _torch_parameters, size_bytes=_torch_size)
_OPTIMIZER = Library(False, lambda o: bool(o.state), lambda o: len(o.state), _optimizer_parameters)
_KERAS = Library(True, _keras_is_fitted, _keras_state, _keras_parameters)
_HISTORY = Library(False, lambda h: bool(h.history), lambda h: len(h.epoch), curves=_history_curves)

_BASES: Mapping[tuple[str, str], Library] = {
    ("sklearn.base", "BaseEstimator"): _SKLEARN,
    ("xgboost.core", "Booster"): _XGBOOST,
    ("lightgbm.basic", "Booster"): _LIGHTGBM,
    ("catboost.core", "CatBoost"): _CATBOOST,
    ("torch.nn.modules.module", "Module"): _TORCH,
    ("torch.optim.optimizer", "Optimizer"): _OPTIMIZER,
    ("keras.src.models.model", "Model"): _KERAS,
    ("keras.src.engine.training", "Model"): _KERAS,
    ("keras.src.callbacks.history", "History"): _HISTORY,
    ("keras.src.callbacks", "History"): _HISTORY,
}

_ROOTS = frozenset({"sklearn", "xgboost", "lightgbm", "catboost", "torch", "keras"})
