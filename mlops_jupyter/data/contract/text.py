"""The text of a drafted contract: Python that people read and edit.

What comes out of the data (names, values, dtypes) stands in it as `quoted` writes it, so that
none of it can be code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from mlops_jupyter.data.contract.report import FEW
from mlops_jupyter.data.contract.rule import Rule
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.statistics.column_profile import ColumnProfile, Value

WIDTH = 92


def quoted(value: Any) -> str:
    """Return a name or a value as Python; a text in double quotes where that is the same.

    >>> print(quoted("it's"), quoted('a "b"'), quoted("'); import os #"))
    "it's" 'a "b"' "'); import os #"
    """
    if isinstance(value, str):
        text = str.__repr__(value)
        plain = text[0] == "'" and not {"'", '"'} & set(text[1:-1])
        return f'"{text[1:-1]}"' if plain else text
    if isinstance(value, list):
        return f"[{', '.join(map(quoted, value))}]"
    if hasattr(value, "isoformat"):
        zone = "" if value.tzinfo is None else ', tz="UTC"'
        return f'pd.Timestamp("{value.replace(tzinfo=None).isoformat()}"{zone})'
    return repr(value)


def label_text(label: Any) -> str | None:
    """Return the label of a column as Python, or None for one that pandera cannot name."""
    if type(label) in {str, int, bool} or (type(label) is float and math.isfinite(label)):
        return quoted(label)
    if type(label) is tuple and label:
        parts = [label_text(part) for part in label]
        if None not in parts:
            return f"({', '.join(map(str, parts))}{',' * (len(parts) == 1)})"
    return None


def column_text(label: str, rule: Rule, seen: ColumnProfile) -> str:
    """Return the lines of one column; `label` is Python already."""
    parts = [] if rule.dtype is None else [quoted(rule.dtype)]
    parts += [f"pa.Check.{name}({', '.join(map(quoted, given))}, **FEW)"
              for name, given in rule.checks]  # fmt: skip
    parts += ["nullable=True"] * rule.nullable + ["unique=True"] * rule.unique
    line = f"        {label}: pa.Column({', '.join(parts)}),"
    if len(line) > WIDTH and parts:
        inner = "".join(f"            {part},\n" for part in _broken(parts, rule))
        line = f"        {label}: pa.Column(\n{inner}        ),"
    return f"        # {seen_text(seen)}\n{line}"


def seen_text(seen: ColumnProfile) -> str:
    """Say on one line what was seen: numbers and times only, no text out of the data."""
    if not seen.rows:
        return "no rows seen"
    told = []
    if seen.minimum is not None and seen.maximum is not None:
        told.append(f"{_number(seen.minimum)} to {_number(seen.maximum)}")
    if seen.infinite:
        told.append(f"{seen.infinite:,} infinite")
    if seen.distinct is not None and seen.kind == "text":
        about = "" if seen.distinct_exact else "about "
        told.append(f"{about}{seen.distinct:,} different value{'s' * (seen.distinct != 1)}")
    if seen.is_personal:
        told.append("looks personal, so that no value of it stands here")
    told.append(f"{seen.missing:,} of {seen.rows:,} missing" if seen.missing else "none missing")
    return ", ".join(told)


def file_text(version: DatasetVersion, columns: Sequence[str], left_out: Iterable[str]) -> str:
    """Return a contract from the lines of its columns and the names of those it leaves out."""
    lines = [*columns]
    lines += [f"        # not checked, pandera cannot name it: {name[:100]!r}" for name in left_out]
    body = "\n".join(lines)
    head = "import pandas as pd\n" if "pd.Timestamp(" in body else ""
    strict = "    strict=True,  # no other columns\n" if len(lines) == len(columns) else ""
    rows = "" if version.row_count is None else f" ({version.row_count:,} rows)"
    return f'''"""What `{version.dataset}` must look like, for you to edit.

Drafted from {version.ref}{rows}. Each comment says what was seen. Ranges have a tenth of
slack on both sides, those of a few whole numbers none.
"""

{head}import pandera.pandas as pa

FEW = {{"n_failure_cases": {FEW}}}  # a bad file is not reported row by row

schema = pa.DataFrameSchema(
    {{
{body}
    }},
{strict})
'''


def _number(value: Value) -> str:
    if isinstance(value, str):
        return value
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
    return f"{value:.6g}" if isinstance(value, float) else f"{value:,}"


def _broken(parts: list[str], rule: Rule) -> list[str]:
    """Break a long list of values into lines."""
    made = []
    for part in parts:
        if len(part) > WIDTH - 13 and part.startswith("pa.Check.isin(["):
            rows = [""]
            for value in map(quoted, rule.checks[0][1][0]):
                if len(rows[-1]) + len(value) > WIDTH - 24:
                    rows.append("")
                rows[-1] += f"{value}, "
            inner = "".join(f"                    {row.rstrip()}\n" for row in rows)
            part = f"pa.Check.isin(\n                [\n{inner}                ],\n"
            part += "                **FEW,\n            )"
        made.append(part)
    return made
