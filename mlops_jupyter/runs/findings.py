"""What a cell, or a block of it, says about its run: parameters, metrics, the fitted model.

Everything here looks at what the user's names hold afterwards, without importing a library
that the user has not imported. Types are asked for with `type`: `isinstance` calls
``__class__`` of the object, which may be the user's code.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec

from mlops_jupyter.cells.analysis import CellAnalysis
from mlops_jupyter.runs import library
from mlops_jupyter.runs.recorder import Findings, FittedModel
from mlops_jupyter.runs.selection import Selection

LONGEST = 500
"""Characters of a parameter that is not plain data, e.g. a function."""

EXAMPLE_ROWS = 5

LARGEST_MODEL_BYTES = 500_000_000

MOST_STEPS = 10_000
"""Steps of a metric that is found by itself; the rest is left out."""

_UNSEEN = object()

States = Mapping[int, object]
"""How models were, by the id of each: see `states`."""


class Scene(msgspec.Struct, frozen=True):
    """What there is to look at when a cell or a block has ended.

    Attributes
    ----------
    analysis : CellAnalysis
        Of its source.
    space : mapping of str to object
        What the names hold now.
    before : mapping
        `states` when it began.
    changed : frozenset of str
        Names whose value is known to have changed in place.
    given : iterable of str
        Names of the cells tagged ``parameters`` on which it stands.
    """

    analysis: CellAnalysis
    space: Mapping[str, Any]
    before: States = msgspec.field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    given: tuple[str, ...] = ()

    def has_changed(self, value: Any) -> bool:
        """Whether a model is another one than before, or was not there."""
        return self.before.get(id(value), _UNSEEN) != _state(value)

    @property
    def seen(self) -> list[str]:
        """The names that it bound, in order, then those that it read."""
        return [*self.analysis.writes, *sorted(self.analysis.reads - set(self.analysis.writes))]


def gather(
    scene: Scene,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    *,
    logged: Collection[str] = (),
    has_model: bool = False,
) -> Findings:
    """Return what there is to record.

    Parameters
    ----------
    scene : Scene
    selection : Selection
        What the run is narrowed to.
    logged : collection of str
        Metrics that the user logs: their names are taken.
    has_model : bool
        The run has a model already: one that was only read does not take its place.
    """
    learned = fitted(scene, only_fresh=has_model)
    names = dict.fromkeys([*scene.given, *scene.analysis.literals])
    found = {
        **curves(learned),
        **accumulated(scene.analysis.literals, scene.space),
        **metrics(scene.analysis.assigned, scene.space),
    }
    chosen, notes = model(learned, [scene.space[n] for n in scene.seen if n in scene.space])
    return Findings(
        parameters=selection.parameters(
            {
                **parameters(names, scene.space, scene.analysis.literals),
                **model_parameters(learned),
            }
        ),
        metrics={k: v for k, v in found.items() if k[0] not in logged and selection.metric(k[0])},
        model=chosen,
        notes=notes,
    )


def states(names: Iterable[str], space: Mapping[str, Any]) -> States:
    """Return how the models among the names are now, to tell later which were fitted."""
    if not library.loaded():
        return {}
    return {id(value): _state(value) for _, value, _ in _recognised(names, space)}


def fitted(scene: Scene, *, only_fresh: bool = False) -> dict[str, Any]:
    """Return the models, optimizers and histories that the cell fitted, by name.

    When it fitted none, those that it read, unless `only_fresh`: a run that scores a model is
    the run of that model.
    """
    if not library.loaded():
        return {}
    trained: dict[str, Any] = {}
    read: dict[str, Any] = {}
    for name, value, kind in _recognised(scene.seen, scene.space):
        is_changed = name in scene.changed or scene.has_changed(value)
        if is_changed or _asked(kind.is_fitted, value, False):
            is_bound = name in scene.analysis.writes
            (trained if is_changed or is_bound else read)[name] = value
    if any(_is_model(value) for value in trained.values()) or only_fresh:
        return trained
    return {**trained, **read}


def trained_here(scene: Scene) -> list[Any]:
    """Return the models that the cell really trained: not those that it only bound again."""
    return [
        value
        for name, value in fitted(scene, only_fresh=True).items()
        if _predicts(value) and (name in scene.changed or scene.has_changed(value))
    ]


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
    return (name if isinstance(name, str) else _asked(repr, value, "?"))[:LONGEST]


def parameters(
    names: Iterable[str], space: Mapping[str, Any], literals: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Return those of the names that hold plain data, with their values.

    A literal that has changed since, such as a list that a loop filled, is no parameter.
    """
    found = {}
    for name in names:
        value = space.get(name)
        if name.startswith("_") or name not in space or not _is_data(value):
            continue
        if name not in literals or _is_still(value, literals[name]):
            found[name] = plain(value)
    return found


def metrics(names: Iterable[str], space: Mapping[str, Any]) -> dict[tuple[str, int], float]:
    """Return those of the names that hold a real number (bool is none), as step 0."""
    return {
        (name, 0): _as_float(space[name])
        for name in names
        if not name.startswith("_") and _is_number(space.get(name))
    }


def accumulated(
    literals: Mapping[str, Any], space: Mapping[str, Any]
) -> dict[tuple[str, int], float]:
    """Return the lists of numbers that were bound empty and then filled, step by step."""
    found: dict[tuple[str, int], float] = {}
    for name, literal in literals.items():
        value = space.get(name)
        if name.startswith("_") or type(value) is not type(literal) or value == literal:
            continue
        if type(value) is list and not literal:
            found |= _steps(name, value)
        elif type(value) is dict:
            for key, part in library.series(name, value):
                found |= _steps(key, part)
    return found


def model_parameters(models: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of each model, each named after the variable: ``clf.alpha``."""
    found: dict[str, Any] = {}
    for name, value in models.items():
        kind = library.of(value)
        settings: dict[str, Any] = _asked(kind.parameters, value, {}) if kind else {}
        if settings:
            found[name] = type(value).__name__
        for key, setting in settings.items():
            found[f"{name}.{key}"] = _asked(plain, setting, "?")
    return found


def curves(models: Mapping[str, Any]) -> dict[tuple[str, int], float]:
    """Return what the models keep of their training: ``model.valid_0.l2``, a value per step."""
    found: dict[tuple[str, int], float] = {}
    for name, value in models.items():
        kind = library.of(value)
        if kind is None:
            continue
        prefix = f"{name}." if kind.is_model else ""  # Keras says `loss` and `val_loss`
        kept: library.Curves = _asked(kind.curves, value, {})
        for key, values in kept.items():
            found |= _steps(prefix + key, values)
    return found


def model(
    models: Mapping[str, Any], frames: Iterable[Any]
) -> tuple[FittedModel | None, tuple[str, ...]]:
    """Return the last of the models that can predict, pickled, and why it is not kept.

    Parameters
    ----------
    models : mapping of str to model
        In the order in which the cell bound them.
    frames : iterable of object
        What the cell could see; the first one that has the model's columns lends
        `EXAMPLE_ROWS` rows, from which the model's signature is read.
    """
    candidates = [value for value in models.values() if _predicts(value)]
    if not candidates:
        return None, ()
    chosen = candidates[-1]
    kind = library.of(chosen)
    assert kind is not None
    name = type(chosen).__name__
    content, problem = _pickled(chosen, _asked(kind.size_bytes, chosen, 0))
    if content is None:
        return None, (f"{name} is not kept: {problem}",)
    example = _asked(lambda model: _example(model, frames), chosen, None)
    rows = None if example is None else _pickled(example, 0)[0]
    return FittedModel(name, content, rows), ()


def _pickled(value: Any, size_bytes: int) -> tuple[bytes | None, str]:
    import cloudpickle

    too_large = f"larger than {LARGEST_MODEL_BYTES // 1_000_000} MB"
    if size_bytes > LARGEST_MODEL_BYTES:
        return None, too_large
    try:
        content: bytes = cloudpickle.dumps(library.on_cpu(value), protocol=5)
    except Exception as error:  # noqa: BLE001 - pickling calls the user's own classes
        return None, f"{type(error).__name__}: {error}"[:200]
    return (content, "") if len(content) <= LARGEST_MODEL_BYTES else (None, too_large)


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


def _recognised(
    names: Iterable[str], space: Mapping[str, Any]
) -> Iterable[tuple[str, Any, library.Library]]:
    for name in names:
        value = space.get(name)
        kind = None if value is None else library.of(value)
        if kind is not None:
            yield name, value, kind


def _is_model(value: Any) -> bool:
    kind = library.of(value)
    return kind is not None and kind.is_model


def _predicts(value: Any) -> bool:
    return _is_model(value) and (hasattr(value, "predict") or hasattr(value, "forward"))


def _steps(name: str, values: Iterable[Any]) -> dict[tuple[str, int], float]:
    found = {}
    for step, value in enumerate(islice(values, MOST_STEPS)):
        if not _is_number(value):
            return {}
        found[name, step] = float(value)
    return found


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number, or a fraction, of more than 308 digits
        return math.inf if value > 0 else -math.inf


def _is_number(value: Any) -> bool:
    return issubclass(type(value), numbers.Real) and type(value) is not bool


def _is_still(value: Any, literal: Any) -> bool:
    return type(value) is type(literal) and (value == literal or value != value)


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


def _state(value: Any) -> object:
    kind = library.of(value)
    return None if kind is None else _asked(kind.state, value, None)


def _asked(question: Callable[[Any], Any], value: Any, otherwise: Any) -> Any:
    """Ask something of an object of a library or of the user, which may raise anything."""
    try:
        return question(value)
    except Exception:  # noqa: BLE001 - the user's own classes; the rest of the run is recorded
        return otherwise
