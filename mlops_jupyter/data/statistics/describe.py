"""Statistics of one column, piece by piece while it is in memory.

Extremes, means, shares and lengths are those of all values. What needs an order or a table of
values (quantiles, distinct, top) is taken from a sample of a long column, see `quantile`.
numpy and Arrow release the GIL for nearly all of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.data.statistics import moments
from mlops_jupyter.data.statistics.column_profile import ColumnProfile
from mlops_jupyter.data.statistics.column_walk import Walk, arrays_of, cast
from mlops_jupyter.data.statistics.counting import (
    CATEGORIES,
    EXAMPLES,
    LONGEST_READ,
    OFTEN,
    TOP,
    Facts,
    evenly_spread,
    few_numbers,
    few_texts,
    how_distinct,
    most_frequent,
    of_sample,
)
from mlops_jupyter.data.statistics.moments import Moments
from mlops_jupyter.data.statistics.personal import CARD, is_personal_name, looks_personal, masked
from mlops_jupyter.data.statistics.quantile import BINS, quantiles
from mlops_jupyter.data.value.content import TakenColumn

LONGEST_EXAMPLE = 60
MASK = "‹masked›"

TEXT_BYTES = 32 * 2**20
"""Of texts no more than this is copied at once; of longer ones the sample is smaller."""

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def describe(
    column: TakenColumn, digest: str, rows: int, sample: Any, bins: int = BINS
) -> ColumnProfile:
    """Return the statistics of a column.

    Parameters
    ----------
    column : TakenColumn
    digest : str
        Of its content.
    rows : int
    sample : array of int or None
        The rows, ascending, that stand for all of them; see `quantile.sampled_rows`.
    bins : int
        Parts between quantiles.
    """
    facts: Facts = {"kind": "other"}
    arrays = arrays_of(column, rows)
    if arrays:
        walk = Walk(arrays, sample, rows, bins)
        kind = arrays[0]().type
        # without a kernel for its type, its name and what is missing are known
        with contextlib.suppress(pa.ArrowNotImplementedError):
            facts = _verb(kind)(walk, kind)
    facts = _masked(column.name, facts)
    return ColumnProfile(
        column.name, column.type, digest, rows=rows, missing=column.missing, **facts
    )


def _verb(kind: Any) -> Callable[[Walk, Any], Facts]:
    types = pa.types
    if types.is_boolean(kind):
        return _boolean
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return _number
    if types.is_duration(kind):
        return _duration
    if types.is_temporal(kind) and not types.is_interval(kind):
        return _time
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return _text
    return _category if types.is_dictionary(kind) else _other


def _boolean(walk: Walk, _: Any) -> Facts:
    counts = [(array.true_count, array.false_count) for array in walk]
    told = {"True": sum(c[0] for c in counts), "False": sum(c[1] for c in counts)}
    counted = sum(told.values())
    top = sorted(((t, n) for t, n in told.items() if n), key=lambda pair: -pair[1])
    mean = told["True"] / counted if counted else None
    return {
        "kind": "boolean", "distinct": len(top), "top": tuple(top), "counted": counted,
        "mean": mean, "examples": tuple(text for text, _ in top),
    }  # fmt: skip


def _number(walk: Walk, kind: Any) -> Facts:
    if pa.types.is_decimal(kind):
        walk = cast(walk, pa.float64())
    found = moments.of(walk.pieces())
    facts = of_sample(found, str)
    if found.finite:
        facts |= {
            "negative": found.negative / found.finite, "zero": found.zero / found.finite,
            "minimum": found.low.item(), "maximum": found.high.item(),
            "mean": _finite(found.mean), "deviation": _finite(found.deviation),
        }  # fmt: skip
        if not facts["distinct_exact"] and pa.types.is_integer(kind):
            facts |= few_numbers(walk, found)
    return {
        "kind": "number", **facts, "infinite": found.infinite, "quantiles": _edges(found, walk, 1),
    }  # fmt: skip


def _duration(walk: Walk, kind: Any) -> Facts:
    found = moments.of(cast(walk, pa.int64()).pieces())
    parts = _PER_SECOND[kind.unit]
    facts = of_sample(found, lambda value: f"{int(value) / parts:g} s")
    if found.finite:
        facts |= {
            "negative": found.negative / found.finite, "zero": found.zero / found.finite,
            "minimum": int(found.low) / parts, "maximum": int(found.high) / parts,
            "mean": found.mean / parts, "deviation": found.deviation / parts,
        }  # fmt: skip
    return {"kind": "number", **facts, "quantiles": _edges(found, walk, parts)}


def _time(walk: Walk, kind: Any) -> Facts:
    is_day = pa.types.is_date32(kind)
    unit: Any = "D" if is_day else "ms" if pa.types.is_date64(kind) else kind.unit
    parts = 1 / 86_400 if is_day else _PER_SECOND[unit]
    if kind.bit_width == 32:
        walk = cast(walk, pa.int32())
    found = moments.of(cast(walk, pa.int64()).pieces())

    def written(value: Any) -> str:
        text = str(np.datetime64(int(value), unit))
        if pa.types.is_date64(kind):
            return text[: text.index("T")]
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        if pa.types.is_time(kind):
            return text.partition("T")[2]
        return text + ("Z" if getattr(kind, "tz", None) else "")

    facts = of_sample(found, written)
    if found.finite:
        facts |= {"minimum": written(found.low), "maximum": written(found.high)}
        facts["mean"] = found.mean / parts
        facts["deviation"] = found.deviation / parts
    return {"kind": "time", **facts, "quantiles": _edges(found, walk, parts)}


def _text(walk: Walk, kind: Any) -> Facts:
    if pa.types.is_string_view(kind):
        walk = cast(walk, pa.large_string())
    size = sum(array.nbytes for array in walk)
    if walk.sample is not None:
        size = size * len(walk.sample) // walk.rows
    found, lengths = [], []
    for array, picks in walk.pieces(1 + size // TEXT_BYTES):
        lengths.append(pc.min_max(pc.utf8_length(array)))
        found.append((array if picks is None else array.take(pa.array(picks))).drop_null())
    chosen = pa.chunked_array(found)
    table = chosen.value_counts()
    values, counts = table.field("values"), table.field("counts").to_numpy()
    facts = how_distinct(counts, len(chosen), walk, sum(array.null_count for array in walk))
    facts["kind"] = _kind_of_text(len(counts), len(chosen))
    order = most_frequent(counts, CATEGORIES if facts["kind"] == "category" else TOP)
    facts["top"] = tuple((_read(values[i]), int(counts[i])) for i in order)
    if facts["kind"] == "category" and not facts["distinct_exact"]:
        facts |= few_texts(walk)
    facts["examples"] = tuple(_read(values[i]) for i in evenly_spread(len(values)))
    known = [pair for pair in lengths if pair["min"].is_valid]
    if known:
        facts["shortest"] = min(pair["min"].as_py() for pair in known)
        facts["longest"] = max(pair["max"].as_py() for pair in known)
    return facts


def _category(walk: Walk, _: Any) -> Facts:
    labels = walk.arrays[0]().dictionary
    counts = np.zeros(len(labels), np.int64)
    for array in walk:
        codes = array.indices.drop_null().to_numpy(zero_copy_only=False)
        counts += np.bincount(codes, minlength=len(labels))
    counts[labels.is_null().to_numpy(zero_copy_only=False)] = 0
    used = np.flatnonzero(counts)
    order = np.argsort(-counts[used], kind="stable")[:CATEGORIES]
    top = [(_read(labels[i]), int(counts[i])) for i in used[order].tolist()]
    return {
        "kind": "category", "distinct": len(used), "counted": int(counts.sum()),
        "top": tuple(top), "examples": tuple(text for text, _ in top[:EXAMPLES]),
    }  # fmt: skip


def _other(walk: Walk, _: Any) -> Facts:
    array = walk.arrays[0]()
    # one value may be a list of millions
    small = (p for p in range(min(len(array), 100)) if array.slice(p, 1).nbytes <= LONGEST_READ)
    found = [str(array[place].as_py()) for place in small if array[place].is_valid]
    return {"kind": "other", "examples": tuple(dict.fromkeys(found))[:EXAMPLES]}


def _kind_of_text(distinct: int, counted: int) -> str:
    is_category = 0 < distinct <= CATEGORIES and counted >= OFTEN * distinct
    return "category" if is_category else "text"


def _edges(found: Moments, walk: Walk, parts: float) -> tuple[float, ...]:
    if not len(found.ordered):
        return ()
    edges = quantiles(found.ordered, walk.bins)
    edges[0], edges[-1] = found.low, found.high  # of all values, not of the sample
    return tuple((edges / parts if parts != 1 else edges).astype(np.float64).tolist())


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _read(scalar: Any) -> str:
    # a piece is enough for an example, and masking reads all it is given
    return str(scalar.as_py())[:LONGEST_READ]


def _masked(name: str, facts: Facts) -> Facts:
    """Mask what looks personal, by its form and by the name of the column."""
    examples: Sequence[str] = facts.get("examples", ())
    look = sum(_LOOKS.get(facts["kind"], looks_personal)(text) for text in examples)
    is_personal = facts["kind"] not in {"boolean", "other"} and (
        is_personal_name(name) or look > len(examples) / 2
    )
    made = {**facts, "examples": tuple(dict.fromkeys(_shown(t, is_personal) for t in examples))}
    if not is_personal:
        made["top"] = tuple((_shown(text, False), n) for text, n in facts.get("top", ()))
        return made
    for own in ("top", "quantiles", "minimum", "maximum", "mean", "deviation"):
        made.pop(own, None)
    return {**made, "is_personal": True}


_LOOKS: dict[str, Callable[[str], bool]] = {
    # a number has many digits for many reasons; its extremes are needed
    "number": lambda text: masked(text.removesuffix(".0")) == CARD,
    "time": lambda _: False,
}


def _shown(text: str, is_personal: bool) -> str:
    plain = masked(text)
    if is_personal and plain == text:
        return MASK
    return plain if len(plain) <= LONGEST_EXAMPLE else plain[: LONGEST_EXAMPLE - 1] + "…"
