"""``custom``: a check of the project's own."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterator
from typing import Any

from mlops_jupyter.config import Custom
from mlops_jupyter.errors import last_line
from mlops_jupyter.promotion import function
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.checks.naming import in_one_line
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.verdict import Verdict
from mlops_jupyter.store.objects import digest_of

LONGEST = 500
"""Characters of what a function says that the report repeats."""


def judge(case: Case, check: Custom) -> Iterator[CheckResult]:
    """Call the function, and take its verdict; what is none is an error, and never a pass.

    Raises
    ------
    UsageError
        There is no such function, its module cannot be imported, or it does not take these
        arguments.
    """
    called = function.load(case.project, check.function)
    function.check_call(check.function, called, check.arguments)
    made = _called(case, called, check)
    yield CheckResult(
        check=_asked(check, called),
        verdict=made.verdict,
        challenger=made.value,
        champion=None,
        why=in_one_line(made.why, LONGEST),
        kind="custom",
        id=_identity(check),
        value=made.value,
        lower=made.lower,
        upper=made.upper,
        limit=made.limit,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Made:
    verdict: Any
    why: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None


def _called(case: Case, called: Any, check: Custom) -> _Made:
    try:
        with function.importable(case.project):
            said = called(_guarded(case), **check.arguments)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the project's own code
        return _Made("error", f"{check.function} raised {last_line(error)}")
    if inspect.iscoroutine(said):
        said.close()  # or Python warns that nobody waited for it
    if type(said).__name__ in {"bool", "bool_"}:
        return _Made("pass" if said else "fail", f"{check.function} returned {bool(said)}")
    if not isinstance(said, Verdict):
        return _Made(
            "error",
            f"{check.function} returned {_what(said)}, and neither a Verdict nor True or False",
        )
    numbers = (said.value, said.lower, said.upper, said.limit)
    return _Made(said.verdict, said.why, *(None if n is None else float(n) for n in numbers))


def _what(said: Any) -> str:
    if said is None:
        return "nothing"
    if isinstance(said, float) and said != said:
        return "NaN"
    return f"a {type(said).__name__}"


def _guarded(case: Case) -> Case:
    """Return the case so that a function that changes what it got changes nothing for others."""
    rows = dataclasses.replace(
        case.rows,
        frame=case.rows.frame.copy(),
        truth=_read_only(case.rows.truth),
        positions=_read_only(case.rows.positions),
    )
    champion = case.champion and _unchanging(case.champion)
    return dataclasses.replace(
        case, rows=rows, challenger=_unchanging(case.challenger), champion=champion
    )


def _unchanging(side: Contender) -> Contender:
    arrays = {
        field.name: _read_only(getattr(side.scores, field.name))
        for field in dataclasses.fields(side.scores)
    }
    return dataclasses.replace(side, scores=dataclasses.replace(side.scores, **arrays))


def _read_only(values: Any) -> Any:
    if not hasattr(values, "flags"):
        return values
    view = values.view()
    view.flags.writeable = False
    return view


def _asked(check: Custom, called: Any) -> str:
    said = in_one_line(inspect.getdoc(called) or "", 100, first=True)
    arguments = ", ".join(f"{name}={value!r}" for name, value in check.arguments.items())
    call = check.function + (f"({in_one_line(arguments, 80)})" if arguments else "")
    return f"{call}: {said}" if said else call


def _identity(check: Custom) -> str:
    """Return an id of the function and what it is given: one function may check several things."""
    if not check.arguments:
        return f"custom/{check.function}"
    given = json.dumps(check.arguments, sort_keys=True, default=str)
    short = in_one_line(given.replace("/", "|"), 40)
    # the digits tell apart what is cut
    return f"custom/{check.function} {short} {digest_of(given.encode())[7:15]}"
