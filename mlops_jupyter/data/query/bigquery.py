"""Parameters of a query, as BigQuery's client takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from mlops_jupyter.errors import UsageError

_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "BOOL"),
    (int, "INT64"),
    (float, "FLOAT64"),
    (str, "STRING"),
    (bytes, "BYTES"),
    (Decimal, "NUMERIC"),
    (datetime, "DATETIME"),
    (date, "DATE"),
    (time, "TIME"),
)


def job_config(parameters: Mapping[str, Any] | Sequence[Any]) -> Any:
    """Return parameters as a ``QueryJobConfig``; those of the library itself stay as they are.

    https://cloud.google.com/bigquery/docs/parameterized-queries

    Raises
    ------
    UsageError
        A value has no type of BigQuery, or the library is not installed.
    """
    try:
        from google.cloud import bigquery
    except ImportError:
        raise UsageError(
            "parameters of BigQuery need its library", hint="pip install google-cloud-bigquery"
        ) from None
    named: Iterable[tuple[str | None, Any]] = (
        parameters.items() if isinstance(parameters, Mapping) else ((None, v) for v in parameters)
    )
    made = []
    for name, value in named:
        if type(value).__name__.endswith("QueryParameter"):
            made.append(value)
        elif isinstance(value, list | tuple):
            kind = _type(name, value[0]) if value else "STRING"
            made.append(bigquery.ArrayQueryParameter(name, kind, list(value)))
        else:
            made.append(bigquery.ScalarQueryParameter(name, _type(name, value), value))
    return bigquery.QueryJobConfig(query_parameters=made)


def _type(name: str | None, value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return "TIMESTAMP"
    for type_, kind in _TYPES:
        if isinstance(value, type_):
            return kind
    raise UsageError(
        f"parameter {name or '?'}: a {type(value).__qualname__} has no type of BigQuery",
        hint="give a number, text, date, or one of google.cloud.bigquery's query parameters",
    )
