"""Functions of the project's own code, written ``module:function`` in ``mlops.yaml``."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from mlops_jupyter.errors import NotFoundError, UsageError, did_you_mean, last_line
from mlops_jupyter.project import Project


@contextlib.contextmanager
def importable(project: Project) -> Iterator[None]:
    """Let modules of the project's folder be imported, and send what they print to the log.

    What a function prints must not come between the lines of a command that prints JSON.
    """
    folder = str(project.root)
    sys.path.insert(0, folder)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.dont_write_bytecode = writes
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def load(project: Project, written: str) -> Callable[..., Any]:
    """Return a function, from its module as it stands in the file now.

    Call it inside `importable` too: it may import others of the project when it is called.

    Parameters
    ----------
    project : Project
    written : str
        ``module:function``; the module is found from the project's folder.

    Raises
    ------
    NotFoundError
        There is no such module, or no such function in it.
    UsageError
        The module cannot be imported, with the line; or the name is no function.
    """
    name, _, attribute = written.partition(":")
    with importable(project):
        module = _imported(project, name)
    found = getattr(module, attribute, None)
    if found is None:
        known = [n for n, value in vars(module).items() if inspect.isfunction(value)]
        raise NotFoundError(f"function in {name}", attribute, known)
    if not callable(found):
        raise UsageError(f"{written} is a {type(found).__name__}, and no function")
    return found  # type: ignore[no-any-return]


def check_call(written: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that a function does not take, or lacks, beside its first one.

    Raises
    ------
    UsageError
        With the nearest name that it takes.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # built in: it says itself what it takes
        return
    try:
        signature.bind(None, **arguments)
    except TypeError as error:
        takes = [*signature.parameters][1:]
        wrong = next((name for name in arguments if name not in takes), None)
        hint = None if wrong is None else did_you_mean(wrong, takes)
        raise UsageError(f"{written} cannot be called: {error}", hint=hint) from None


def _imported(project: Project, name: str) -> ModuleType:
    importlib.invalidate_caches()
    before = _taken_out(project, name)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            file = name.replace(".", "/") + ".py"
            raise NotFoundError(
                "module", name, _modules(project), hint=f"write {file} beside mlops.yaml"
            ) from None
        raise _not_imported(project, name, error) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the project's own code
        raise _not_imported(project, name, error) from None
    finally:
        sys.modules.update(before)


def _taken_out(project: Project, name: str) -> dict[str, ModuleType]:
    """Forget a module of the project, so that an edited file counts; return what to put back.

    Others may hold its functions: a kernel in which people work, and a model that was loaded.
    """
    parts = name.split(".")
    top = project.root / parts[0]
    if not top.is_dir() and not top.with_suffix(".py").is_file():
        return {}
    names = [".".join(parts[: n + 1]) for n in range(len(parts))]
    return {one: sys.modules.pop(one) for one in names if one in sys.modules}


def _modules(project: Project) -> list[str]:
    return [path.stem for path in project.root.glob("*.py")]


def _not_imported(project: Project, name: str, error: BaseException) -> UsageError:
    file, line = name.replace(".", "/") + ".py", None
    if isinstance(error, SyntaxError) and error.filename:
        file, line = _short(project, error.filename), error.lineno
        reason = f"{type(error).__name__}: {error.msg}"
    else:
        reason = last_line(error)
        for frame in traceback.extract_tb(error.__traceback__):
            if Path(frame.filename).is_relative_to(project.root):
                file, line = _short(project, frame.filename), frame.lineno
    where = file if line is None else f"{file}, line {line}"
    return UsageError(f"{where}: {reason}")


def _short(project: Project, filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(project.root) if path.is_relative_to(project.root) else path)
