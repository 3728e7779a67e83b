"""Values pass from step to step: all that cross a boundary together, in one pickle.

In one pickle, two names for one object stay so; in two, they would become two objects without
a word. Functions and classes that the next step has as code are stored by name; all others
(closures, lambdas, classes made in a loop) by value, with the next kernel's namespace as theirs.
What takes much memory lies aside, in data versions (`mlops_jupyter.pipelines.aside`). Where all
values are plain there is no pickle but JSON.

Nothing is unpickled but what the catalog names, and the object store verifies it.
"""

from __future__ import annotations

import functools
import io
import pickle
import random
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import cloudpickle
import msgspec

from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.pipelines import damage, fetched, plain, views
from mlops_jupyter.pipelines.aside import Aside
from mlops_jupyter.pipelines.digest import NoDigestError, digest_of_values
from mlops_jupyter.pipelines.fetched import Fetching
from mlops_jupyter.pipelines.reached import reached
from mlops_jupyter.pipelines.views import Views
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import digest_of

UNPICKLABLE = (
    pickle.PickleError,
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What objects that do not pickle raise, according to who made them."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """What the next step has without being passed it.

    Attributes
    ----------
    definitions : dict of str to tuple of str
        Its functions and classes, and the variables that they read.
    recreated : frozenset of str
        Variables that its setup makes.
    is_seeded : bool
        Code so far seeds random numbers: where the generators stand is a value like others.
        Else it is of the operating system, and different each time.
    """

    definitions: dict[str, tuple[str, ...]]
    recreated: frozenset[str]
    is_seeded: bool = True


def store_values(
    project: Project, step_run_id: str, namespace: Mapping[str, Any], names: Iterable[str]
) -> None:
    """Keep variables for the steps after.

    A name that is not bound is left out, as it would be in the notebook itself.

    Raises
    ------
    UsageError
        A variable cannot be stored.
    """
    said = _step_run(project, step_run_id)
    values = {name: namespace[name] for name in names if name in namespace}
    pickled = _Pickled(namespace, said.boundary, Aside(project, said.pipeline, said.step))
    with project.objects.held():
        content, values = _dump(values, pickled)
        shown = _digest(content, values, pickled)
        digest = project.objects.write(content)
        with project.catalog.transaction() as rows:
            pickled.aside.add(rows, digest)
            rows.execute(
                "UPDATE step_run SET passes = ?, passes_digest = ? WHERE id = ?",
                (digest, shown, step_run_id),
            )
    pickled.aside.tell()


def restore_values(
    project: Project, step_run_id: str, namespace: dict[str, Any], names: Iterable[str] = ()
) -> None:
    """Take over the variables that the step before passed on, all of them.

    Of other notebooks those are taken that this one reads, and not the state of their random
    numbers.

    Parameters
    ----------
    names : iterable of str
        Those that the step itself reads; the others only go through it.

    Raises
    ------
    UsageError
        A variable cannot be built again.
    IntegrityError
        What was stored is missing or damaged.
    """
    digest = _step_run(project, step_run_id).receives
    others = project.catalog.rows(
        "SELECT takes, receives FROM step_before"
        " WHERE step_run_id = ? AND takes IS NOT NULL AND receives IS NOT NULL",
        (step_run_id,),
    )
    for takes, receives in others:
        wanted_of_it = msgspec.json.decode(takes, type=list[str])
        values = _load(project, receives, namespace, wanted_of_it)["values"]
        namespace.update({name: values[name] for name in wanted_of_it if name in values})
    if digest is not None:
        payload = _load(project, digest, namespace)
        namespace.update(payload["values"])
        _set_random_state(payload)
    elif not others:
        wanted = ", ".join(names) or "any value"
        raise IntegrityError(f"the step run {step_run_id} is not to receive {wanted}")


def _load(
    project: Project, digest: str, namespace: dict[str, Any], wanted: Collection[str] | None = None
) -> dict[str, Any]:
    """Return what one step passed on; only of the `wanted` variables it is told who loads them."""
    fetching = Fetching(project)
    _Unpickler.namespace = namespace
    try:
        content = project.objects.read(digest)
        if plain.is_plain(content):
            return plain.decode(content)
        payload: dict[str, Any] = _Unpickler(io.BytesIO(content), fetching).load()
    except IntegrityError:
        damage.spoil_passed(project, digest)
        raise
    except UNPICKLABLE as error:
        raise UsageError(
            f"a value that the step before passed on cannot be built again: {error!r:.300}",
            hint="make it in a setup cell, or merge the two steps",
        ) from error
    finally:
        _Unpickler.namespace = {}
    fetching.tell(wanted)
    return payload


@dataclass(frozen=True, slots=True)
class _StepRun:
    """What the catalog says of a step run."""

    pipeline: str
    step: str
    receives: str | None
    boundary: Boundary


def _step_run(project: Project, step_run_id: str) -> _StepRun:
    row = project.catalog.row(
        "SELECT pipeline, step, receives, boundary FROM step_run"
        " JOIN pipeline_run ON pipeline_run.id = pipeline_run_id WHERE step_run.id = ?",
        (step_run_id,),
    )
    if row is None:
        raise UsageError(
            f"there is no step run {step_run_id!r} in {project.root}",
            hint="this notebook is run by `mlops pipeline run NAME`",
        )
    boundary = msgspec.json.decode(row["boundary"], type=Boundary)
    return _StepRun(row["pipeline"], row["step"], row["receives"], boundary)


def _digest(content: bytes | memoryview, values: dict[str, Any], pickled: _Pickled) -> str:
    """Return a digest of what is passed on, equal for equal values where these show theirs."""
    shown: dict[str, Any] = {"values": values}
    if pickled.boundary.is_seeded:
        shown |= {"random": _random_state()}
    try:
        return digest_of_values(shown, pickled.has_by_name, pickled.views)
    except NoDigestError:
        return digest_of(content)


def _dump(values: dict[str, Any], pickled: _Pickled) -> tuple[bytes | memoryview, dict[str, Any]]:
    """Return the pickle, or JSON, and the values that are in it."""
    namespace, boundary = pickled.namespace, pickled.boundary
    try:
        content = pickled.dump(values)
    except UNPICKLABLE:
        values = _without_recreated(values, pickled)
        content = pickled.dump(values)
    # a value of a class of the notebook: its methods read variables, too
    read = {v for name in pickled.named for v in boundary.definitions.get(name, ())}
    extra = {n: namespace[n] for n in sorted(read) if n in namespace and n not in values}
    extra = {n: value for n, value in extra.items() if pickled.failure(value) is None}
    if not extra:
        return content, values
    values = {**values, **extra}
    return pickled.dump(values), values


def _without_recreated(values: dict[str, Any], pickled: _Pickled) -> dict[str, Any]:
    """Leave out what cannot be stored and is made anew by the setup; refuse what is not."""
    kept = {}
    for name, value in values.items():
        error = pickled.failure(value)
        if error is None:
            kept[name] = value
        elif name not in pickled.boundary.recreated:
            raise UsageError(
                f"the variable {name!r} ({_type_of(value)}) cannot be passed on to the next step: "
                f"{str(error) or type(error).__name__:.200}",
                hint="create it in a setup cell or merge the two steps",
            ) from error
    return kept


def _type_of(value: object) -> str:
    kind = type(value)
    is_plain = kind.__module__ in {"builtins", "__main__"}
    return kind.__qualname__ if is_plain else f"{kind.__module__}.{kind.__qualname__}"


class _Pickled:
    """Makes pickles of values of one namespace."""

    def __init__(self, namespace: Mapping[str, Any], boundary: Boundary, aside: Aside) -> None:
        self.namespace, self.boundary, self.aside = namespace, boundary, aside
        self.named: set[str] = set()
        self.views: Views = {}

    def dump(self, values: dict[str, Any]) -> bytes | memoryview:
        payload = {"values": values, **_random_state()}
        found = list(reached(values))
        self.views = views.shared(value for _, value in found)
        self.aside.look_at(found, self.views)
        content = plain.encode(payload)
        if content is not None:
            return content
        file = io.BytesIO()
        _Pickler(file, self).dump(payload)
        return file.getbuffer()

    def failure(self, value: object) -> Exception | None:
        try:
            _Pickler(io.BytesIO(), self).dump(value)
        except UNPICKLABLE as error:
            return error
        return None

    def has_by_name(self, value: Any) -> bool:
        """Return whether the next step has a function or class under the same name."""
        if getattr(value, "__module__", None) != "__main__":
            return False
        first, *rest = str(getattr(value, "__qualname__", "")).split(".")
        if first not in self.boundary.definitions:
            return False
        found = self.namespace.get(first)
        for part in rest:
            found = getattr(found, part, None)
        if found is value:
            self.named.add(first)
        return found is value


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Plain pickle for all but functions and classes that the next step has not."""

    def __init__(self, file: io.BytesIO, pickled: _Pickled) -> None:
        super().__init__(file, protocol=5)
        self._pickled = pickled
        # functions that are stored by value get the next kernel's namespace as theirs
        self.globals_ref[id(pickled.namespace)] = _Namespace()

    def reducer_override(self, value: Any) -> Any:
        view = self._pickled.views.get(id(value))
        if view is not None:
            place = view.owner, view.offset, view.shape, view.strides, view.dtype
            return views.again, (*place, value.flags.writeable)
        aside = self._pickled.aside.reduced(value)
        if aside is not None:
            return aside
        is_function = isinstance(value, FunctionType)
        if (is_function or isinstance(value, type)) and self._pickled.has_by_name(value):
            return _named, (value.__qualname__,)
        if isinstance(value, io.TextIOWrapper):
            # cloudpickle would make a copy of the file's text of it, without a word
            raise TypeError(f"cannot pickle an open file ({value.name!r})")
        reduced = super().reducer_override(value)
        if is_function and reduced is not NotImplemented:
            _, slots = reduced[2]
            has = {*self._pickled.boundary.definitions, *self._pickled.boundary.recreated}
            for name in has & slots["__globals__"].keys():
                del slots["__globals__"][name]
        return reduced


class _Namespace(dict[str, Any]):
    """Stands for the namespace of the kernel that reads the pickle."""

    def __init__(self) -> None:
        super().__init__(__name__="__main__")

    def __reduce__(self) -> Any:
        return _restoring, ()


class _Unpickler(pickle.Unpickler):
    """Looks up the notebook's functions and classes in its namespace."""

    namespace: dict[str, Any] = {}  # noqa: RUF012 - that of the restore that is under way

    def __init__(self, file: io.BytesIO, fetching: Fetching) -> None:
        super().__init__(file)
        self._fetching = fetching

    def find_class(self, module: str, name: str) -> Any:
        if module == fetched.__name__:
            return functools.partial(getattr(fetched, name), self._fetching)
        return _named(name) if module == "__main__" else super().find_class(module, name)


def _restoring() -> dict[str, Any]:
    return _Unpickler.namespace


def _named(name: str) -> Any:
    """Return a function or class of the restoring kernel."""
    first, *rest = name.split(".")
    if first not in _Unpickler.namespace:
        raise AttributeError(f"this step has no {first!r}")
    found = _Unpickler.namespace[first]
    for part in rest:
        found = getattr(found, part)
    return found


def _random_state() -> dict[str, Any]:
    """Return the state of the generators that notebooks use without naming them."""
    state: dict[str, Any] = {"random": random.getstate()}
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        state["numpy"] = numpy_random.get_state()
    return state


def _set_random_state(payload: Mapping[str, Any]) -> None:
    random.setstate(payload["random"])
    if "numpy" in payload:
        import numpy as np

        np.random.set_state(payload["numpy"])  # noqa: NPY002 - the notebook's own generator
