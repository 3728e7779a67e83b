"""How a parameter is varied: several values, or a range, read by the contract of the parameter.

On the command line a text that fits the parameter as one value is one value. Only one that does
not is looked at again: `0.1,0.01` are two numbers, `2..8` whole numbers from 2 to 8,
`1e-4..1e-1:log` is drawn evenly by its order of magnitude.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines import parameters
from mlops_jupyter.pipelines.convert import UnfitError, convert
from mlops_jupyter.pipelines.literal import Reference, json_of, text_of
from mlops_jupyter.pipelines.pipeline import Parameter
from mlops_jupyter.pipelines.scalar import shown

MOST = 1000
"""Values of one parameter, and trials of one sweep."""

SHOWN = 8
"""Values that are named before the rest is counted."""

DIGITS = 6
"""Of a number that is drawn."""

_RANGE = re.compile(r"\s*(?P<low>[^\s:,]+?)\.\.(?P<high>[^\s:,]+?)(?::(?P<how>[^\s:,]+))?\s*")
_HOW = "write 2..8, 0..1:0.25 (by steps) or 1e-4..1e-1:log"


@dataclass(frozen=True, slots=True)
class Axis:
    """What one parameter is varied over: the values, or a range of numbers.

    Attributes
    ----------
    name : str
    values : tuple
        As the parameter has them; all of a range that has steps.
    low, high : int or float or None
        Of a range, both belong to it.
    is_log : bool
        A range is drawn evenly by order of magnitude.
    """

    name: str
    values: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    is_log: bool = False

    @property
    def words(self) -> str:
        """How it was read: ``2 values: 0.1, 0.01``."""
        if self.low is not None and self.high is not None:
            ends = f"from {_shown(self.low)} to {_shown(self.high)}"
            if self.is_log:
                return f"{ends}, drawn by order of magnitude"
            return f"{ends}, {len(self.values)} values" if self.values else ends
        more = f", and {len(self.values) - SHOWN} more" if len(self.values) > SHOWN else ""
        several = "1 value" if len(self.values) == 1 else f"{len(self.values)} values"
        return f"{several}: {', '.join(map(_shown, self.values[:SHOWN]))}{more}"

    def draw(self, random_: random.Random) -> Any:
        """Return one value by chance."""
        if self.values:
            return random_.choice(self.values)
        assert self.low is not None
        assert self.high is not None
        low, high = self.low, self.high
        if isinstance(low, int) and not self.is_log:
            return random_.randint(low, int(high))
        half = 0.5 if isinstance(low, int) else 0.0
        if self.is_log:
            # a whole number stands for half a step on either side of it
            drawn = math.exp(random_.uniform(math.log(low - half), math.log(high + half)))
        else:
            drawn = random_.uniform(low, high)
        return self.rounded(drawn)

    def rounded(self, drawn: float) -> Any:
        """Return a number of the range with no more digits than people read."""
        assert self.low is not None
        assert self.high is not None
        number = round(drawn) if isinstance(self.low, int) else float(f"{drawn:.{DIGITS}g}")
        return min(max(number, self.low), self.high)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the parameters of a command were read.

    Attributes
    ----------
    axes : tuple of Axis
        What is varied.
    given : dict
        What is not.
    notes : tuple of str
        What was read as one value though it looks like several, in words.
    """

    axes: tuple[Axis, ...] = ()
    given: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def may_vary(texts: Iterable[str]) -> bool:
    """Return whether one of these texts looks like several values; no contract is needed."""
    return any("," in text or ".." in text for text in texts)


def read(known: Sequence[Parameter], texts: Mapping[str, str], grids: Mapping[str, str]) -> Reading:
    """Read what the command line gives: by `-p`, and by `--grid`, which always is several.

    Raises
    ------
    NotFoundError
        There is no such parameter.
    UsageError
        It is neither one value nor several; or it is given twice.
    """
    contract = {parameter.name: parameter for parameter in known}
    axes: list[Axis] = []
    given: dict[str, Any] = {}
    notes: list[str] = []
    for name, text in texts.items():
        parameter = contract.get(name)
        found = None if parameter is None else _implicit(parameter, text)
        if found is None or parameter is None:
            given[name] = text
            notes += [] if parameter is None else _notes(parameter, text)
        else:
            axes.append(found)
    for name, text in grids.items():
        if name in texts:
            raise UsageError(f"parameter {name!r} is given by -p and by --grid")
        axes.append(explicit(contract, name, text))
    return Reading(tuple(axes), given, tuple(notes))


def explicit(contract: Mapping[str, Parameter], name: str, values: Any) -> Axis:
    """Return what a parameter is varied over: an `Axis`, text such as ``0.1,0.01``, or values.

    Raises
    ------
    NotFoundError
        There is no such parameter.
    UsageError
        A value is of another type, or there is none.
    """
    if name not in contract:
        hint = "this pipeline has no parameters"
        raise NotFoundError("parameter", str(name), contract, hint=hint)
    parameter = contract[name]
    if isinstance(values, Axis):
        return _checked(parameter, values)
    if isinstance(values, str):
        parts = _parts(values)
        found = _range(parameter, values) if len(parts) == 1 else None
        return found or _several(parameter, [_unquoted(part) for part in parts], values)
    if isinstance(values, bytes | Mapping) or not isinstance(values, Iterable):
        raise UsageError(
            f"parameter {name!r} is varied over values, not over a {type(values).__name__}",
            hint="give a list, or text such as '0.1,0.01' or '1e-4..1e-1:log'",
        )
    return _several(parameter, list(values), None)


def _implicit(parameter: Parameter, text: str) -> Axis | None:
    """Return what a text is that does not fit the parameter as one value; None: it is refused."""
    if _fits(parameter, text):
        return None
    found = _range(parameter, text)
    if found is not None:
        return found
    parts = _parts(text)
    if len(parts) < 2 or not any(_fits(parameter, _unquoted(part)) for part in parts):
        return None
    return _several(parameter, [_unquoted(part) for part in parts], text)


def _several(parameter: Parameter, given: Sequence[Any], text: str | None) -> Axis:
    name = parameter.name
    _refuse_secret(parameter, given)
    whole = "" if text is None else f" of {text!r:.80}"
    values: list[Any] = []
    for number, part in enumerate(given, 1):
        if isinstance(part, str) and text is not None and not part.strip():
            raise UsageError(f"parameter {name!r}: part {number}{whole} is empty")
        if text is not None and re.fullmatch(r"0\d+", part):
            raise UsageError(
                f"parameter {name!r}: part {number}{whole} is {part!r}: one number, or several?",
                hint="write a large number without commas, and several without leading zeros",
            )
        try:
            values.append(convert(parameter.kind, part))
        except UnfitError as error:
            raise UsageError(
                f"parameter {name!r} is {parameter.kind.words}; part {number}{whole}"
                f" is not: {shown(part)}",
                hint=str(error) or "several values stand between commas, without spaces or quotes",
            ) from None
    return _checked(parameter, Axis(name, tuple(values)))


def _range(parameter: Parameter, text: str) -> Axis | None:
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    try:
        low, high = (convert(parameter.kind, found[end]) for end in ("low", "high"))
    except UnfitError:
        return None
    if any(isinstance(end, bool) or not isinstance(end, int | float) for end in (low, high)):
        return None
    _refuse_secret(parameter, ())
    if isinstance(low, float) or isinstance(high, float):
        low, high = float(low), float(high)
    where = f"parameter {parameter.name!r}: the range {text!r:.80}"
    if not (low < high and math.isfinite(low) and math.isfinite(high)):
        raise UsageError(f"{where} does not go up", hint=_HOW)
    if found["how"] == "log":
        if low <= 0:
            raise UsageError(f"{where} has no order of magnitude at {low}", hint="begin above 0")
        return Axis(parameter.name, (), low, high, is_log=True)
    is_short = isinstance(low, int) and high - low < MOST
    step = "1" if found["how"] is None and is_short else found["how"]
    values = () if step is None else _steps(low, high, step, where)
    return _checked(parameter, Axis(parameter.name, values, low, high))


def _steps(low: float, high: float, step: str, where: str) -> tuple[Any, ...]:
    is_whole = isinstance(low, int)
    try:
        by = int(step) if is_whole else float(step)
    except ValueError:
        raise UsageError(f"{where} cannot be read: {step!r:.40}", hint=_HOW) from None
    if not by > 0 or not math.isfinite(by):
        raise UsageError(f"{where} has no step above 0", hint=_HOW)
    count = int((high - low) / by * (1 + 1e-12)) + 1
    if count > MOST:
        raise UsageError(f"{where} has {count:,} values", hint=f"at most {MOST:,}; give a step")
    return tuple(low + n * by if is_whole else float(f"{low + n * by:.12g}") for n in range(count))


def _checked(parameter: Parameter, axis: Axis) -> Axis:
    """Refuse values that stand twice, that are too many, or that the contract does not allow."""
    name, texts = axis.name, [repr(json_of(value)) for value in axis.values]
    if axis.low is None and not axis.values:
        raise UsageError(f"parameter {name!r} is varied over nothing", hint="give its values")
    if len(axis.values) > MOST:
        raise UsageError(f"parameter {name!r} has {len(axis.values):,} values, at most {MOST:,}")
    twice = next((text for n, text in enumerate(texts) if text in texts[:n]), None)
    if twice is not None:
        raise UsageError(f"parameter {name!r}: {twice:.60} stands there twice")
    _refuse_secret(parameter, axis.values)
    for value in axis.values:
        if not _fits(parameter, value):
            raise UsageError(
                f"parameter {name!r} is {parameter.kind.words}, not {text_of(value):.60}"
            )
    return axis


def _refuse_secret(parameter: Parameter, values: Sequence[Any]) -> None:
    is_secret = parameter.kind.may_be("secret") or isinstance(parameter.default, Reference)
    is_secret |= parameters.is_named_secret(parameter.name)
    is_secret |= any(isinstance(value, Reference) for value in values)
    if is_secret:
        raise UsageError(
            f"parameter {parameter.name!r} is a secret: it cannot be varied",
            hint="vary the name of what the secret opens",
        )


def _notes(parameter: Parameter, text: str) -> Iterable[str]:
    """Say that a text is one value, where it looks like several."""
    if not _fits(parameter, text) or (len(_parts(text)) < 2 and not _RANGE.fullmatch(text)):
        return
    if isinstance(convert(parameter.kind, text), str):
        words = parameter.kind.words
        yield (
            f"{parameter.name}: one value, {text!r:.60}: it is {words};"
            f" for several: --grid {parameter.name}=…"
        )


def _fits(parameter: Parameter, value: Any) -> bool:
    try:
        convert(parameter.kind, value)
    except UnfitError:
        return False
    return True


def _parts(text: str) -> list[str]:
    """Split a text at its commas, but for those within brackets or quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and (depth or not parts[-1].strip()):
            quote = letter
        elif letter in "[{(":
            depth += 1
        elif letter in ")}]":
            depth -= 1
        elif letter == "," and depth <= 0:
            parts.append("")
            continue
        parts[-1] += letter
    return [part.strip() for part in parts]


def _unquoted(part: str) -> str:
    is_quoted = len(part) > 1 and part[0] == part[-1] and part[0] in "\"'"
    return part[1:-1] if is_quoted else part


def _shown(value: Any) -> str:
    text = text_of(value)
    return text if len(text) <= 40 else text[:39] + "…"
