"""The parameters of one pipeline run: what was given is checked, and made ready for the kernel."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.errors import MlopsError, NotFoundError, UsageError
from mlops_jupyter.pipelines.convert import UnfitError, convert
from mlops_jupyter.pipelines.given import FileValue
from mlops_jupyter.pipelines.literal import Reference, json_of, source_of, text_of
from mlops_jupyter.pipelines.pipeline import Parameter
from mlops_jupyter.pipelines.scalar import shown
from mlops_jupyter.runs import secret

SECRET = "MLOPS_SECRET_"  # noqa: S105 - begins the names of variables
"""How the variables are named by which the kernel gets a secret; what is in them is masked."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The parameters of a run.

    Attributes
    ----------
    values : dict
        What was given, as the parameters' types.
    source : str
        Python that binds those names; no secret is in it.
    given, recorded : dict
        As JSON, without secrets: what was given, and that with the other defaults.
    environment : dict of str to str
        For the kernel: the secrets.
    """

    values: dict[str, Any]
    source: str
    given: dict[str, Any]
    recorded: dict[str, Any]
    environment: dict[str, str]


def bind(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> Bound:
    """Check and convert the values that were given for a run.

    Raises
    ------
    NotFoundError
        There is no such parameter.
    UsageError
        A value is of another type, not allowed, or a variable that is not set.
    """
    values = convert_all(parameters, given)
    all_values = {p.name: values.get(p.name, p.default) for p in parameters}
    environment: dict[str, str] = {}
    lines: list[str] = []
    for name, value in all_values.items():
        if isinstance(value, Reference):
            environment |= _looked_up(name, value)
        is_default = name not in values
        if is_default and (not isinstance(value, Reference) or value.is_code):
            continue
        if is_secret(name, value):
            environment[SECRET + name] = _secret_text(name, value)
            lines.append(f"{name} = {_secret_source(name, value)}")
        else:
            lines.append(f"{name} = {source_of(value)}")
    return Bound(
        values=values,
        source="\n".join(lines),
        given={name: recorded(name, value) for name, value in values.items()},
        recorded={name: recorded(name, value) for name, value in all_values.items()},
        environment=environment,
    )


def convert_all(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that were given, as what the parameters are.

    Text is read as that type; a `FileValue` says where it stands when it is wrong.

    Raises
    ------
    NotFoundError
        There is no such parameter.
    UsageError
        A value is of another type, or not allowed.
    """
    known = {parameter.name: parameter for parameter in parameters}
    converted = {}
    for name, value in given.items():
        where = ""
        if isinstance(value, FileValue):
            value, where = value.value, f"{value.where}: "
        if name not in known:
            error = NotFoundError("parameter", name, known, hint="this pipeline has no parameters")
            MlopsError.__init__(error, where + error.message, hint=error.hint)
            raise error
        converted[name] = _converted(known[name], value, where)
    return converted


def is_secret(name: str, value: Any) -> bool:
    """Return whether a value is a secret in plain text: its name or its look says so."""
    if isinstance(value, Reference):
        return False
    plain = json_of(value)
    return bool(secret.masked_value(name, plain) != plain)


def recorded(name: str, value: Any) -> Any:
    """Return a value as it is written down: as JSON, masked when it is a secret."""
    plain = json_of(value)
    return plain if isinstance(value, Reference) else secret.masked_value(name, plain)


def _converted(parameter: Parameter, value: Any, where: str) -> Any:
    try:
        return convert(parameter.kind, value)
    except UnfitError as error:
        said = f"{where}parameter {parameter.name!r} is {parameter.kind.words}"
        if parameter.kind.may_be("secret") or is_named_secret(parameter.name):
            raise UsageError(
                f"{said}, not {type(value).__name__}", hint="the value is not shown here"
            ) from None
        reason = str(error) or _default_words(parameter)
        raise UsageError(f"{said}, not {_words(value)}", hint=reason) from None


def is_named_secret(name: str) -> bool:
    """Return whether what bears this name may be a secret."""
    return is_secret(name, "Ab3-xYz9_Qr7.Lm2")


def _default_words(parameter: Parameter) -> str:
    hint = f"its default is {text_of(parameter.default):.60}"
    if parameter.kind.name == "int" and parameter.kind.bounds is None:
        hint += "; to allow fractions, write the default with a point"
    return hint


def _looked_up(name: str, reference: Reference) -> dict[str, str]:
    """Return the variable of a reference, under a name that has it masked wherever it turns up."""
    value = os.environ.get(reference.variable)
    if value is not None:
        return {SECRET + name: value}
    if reference.is_needed:
        raise UsageError(
            f"parameter {name!r} is env:{reference.variable}, and that variable is not set",
            hint=f"set it, e.g. `read -rs {reference.variable} && export {reference.variable}`",
        )
    return {}


def _secret_text(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else source_of(value)
    if "\0" in text or (not isinstance(value, str) and "__import__" in text):
        raise UsageError(
            f"parameter {name!r} holds a secret that cannot be handed over in this form",
            hint="give the secret as a parameter of its own, as text",
        )
    return text


def _secret_source(name: str, value: Any) -> str:
    read = source_of(Reference(SECRET + name))
    return read if isinstance(value, str) else f'__import__("ast").literal_eval({read})'


def _words(value: object) -> str:
    return f"{shown(value)} ({'str' if isinstance(value, str) else type(value).__name__})"
