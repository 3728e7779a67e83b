"""A pandas DataFrame or Series, into objects and back, equal.

See docs/data-versions.md for the format. `examine` digests the content, which is all that an
unchanged frame costs; `write` keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import pandas as pd

from mlops_jupyter.data import columns, labels, part, stored, values
from mlops_jupyter.data.dataset import Column
from mlops_jupyter.data.part import Measures, Part
from mlops_jupyter.data.stored import Stored
from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.store.objects import Objects

FORMAT = 1

Frame = pd.DataFrame | pd.Series

# with more blocks than this pandas warns of a fragmented frame when a column is added
_MANY_COLUMNS = 100


@dataclass(frozen=True, slots=True)
class Examined:
    """A frame taken apart, measured and not yet kept.

    `digest` is that of the content, `size_bytes` what its values take.
    """

    tree: Part
    measures: Measures
    digest: str
    size_bytes: int


def is_frame(thing: object) -> TypeGuard[Frame]:
    """Tell whether this is a frame that comes back as it was: subclasses would not."""
    return type(thing) in (pd.DataFrame, pd.Series)


def examine(frame: Frame) -> Examined:
    """Take a frame apart and digest its content.

    Raises
    ------
    UsageError
        It holds something that cannot be kept.
    """
    tree = _take_apart(frame)
    measures = part.measure(tree)
    size = part.size_bytes(tree, measures)
    return Examined(tree, measures, part.digest(tree, measures), size)


def write(objects: Objects, examined: Examined) -> str:
    """Keep a frame and return the digest of its manifest.

    Raises
    ------
    ConflictError
        The frame was changed since it was examined.
    ExternalError, UsageError
        The disk is full, or may not be written.
    """
    manifest = {
        "format": FORMAT,
        "kind": "frame",
        "frame": stored.write(examined.tree, examined.measures, objects),
    }
    return objects.write(json.dumps(manifest, separators=(",", ":")).encode("ascii"))


def read(objects: Objects, manifest: str) -> Frame:
    """Return the frame of a manifest.

    Raises
    ------
    IntegrityError
        An object is missing or damaged.
    UsageError
        A newer version of this package wrote it.
    """
    content = json.loads(objects.read(manifest))
    if content["format"] > FORMAT:
        raise UsageError(
            f"this version of the data has format {content['format']}, newer than {FORMAT}",
            hint="upgrade mlops-jupyter",
        )
    return _put_together(Stored(content["frame"], objects))


def describe(frame: Frame) -> tuple[Column, ...]:
    """Return names, types and missing values of the columns."""
    return tuple(
        Column(_text(label), str(column.dtype), int(column.isna().sum()))
        for label, column in zip(_labels(frame), _columns(frame), strict=True)
    )


def _labels(frame: Frame) -> pd.Index[Any]:
    if isinstance(frame, pd.DataFrame):
        return frame.columns
    return pd.Index([frame.name], dtype=object, tupleize_cols=False)


def _columns(frame: Frame) -> Iterator[pd.Series[Any]]:
    if isinstance(frame, pd.Series):
        yield frame
        return
    for position in range(frame.shape[1]):
        yield frame.iloc[:, position]


def _text(label: object) -> str:
    # half a surrogate pair is no text for JSON and SQLite
    text = "" if label is None else str(label)
    return text.encode("utf-8", "backslashreplace").decode()


def _take_apart(frame: Frame) -> Part:
    names = _labels(frame)
    parts = {
        str(position): columns.of(column, f"column {_text(label)!r}")
        for position, (label, column) in enumerate(zip(names, _columns(frame), strict=True))
    }
    tree = {
        "labels": labels.take_apart(names, "the column labels"),
        "index": labels.take_apart(frame.index, "the index"),
        "columns": Part("columns", parts=parts),
    }
    if frame.attrs:
        tree["attrs"] = values.take_apart(np.fromiter([dict(frame.attrs)], object, 1), "attrs")
    facts = {
        "series": isinstance(frame, pd.Series),
        "rows": len(frame),
        "columns": len(parts),
        "unique_labels": not frame.flags.allows_duplicate_labels,
    }
    return Part("frame", facts, parts=tree)


def _put_together(whole: Stored) -> Frame:
    index = labels.put_together(whole.part("index"))
    names = labels.put_together(whole.part("labels"))
    kept = whole.part("columns")
    arrays = list(part.in_threads(lambda name: columns.put_together(kept.part(name)), kept.names))
    if any(len(array) != len(index) for array in arrays):
        raise IntegrityError("a stored frame has columns of different lengths")
    # a Series, because a frame would guess a dtype for a bare array of objects
    found = [pd.Series(array, index=index, dtype=array.dtype, copy=False) for array in arrays]
    frame: Any
    if whole.facts["series"]:
        frame = found[0]
        frame.name = names[0]
    else:
        many = len(found) > _MANY_COLUMNS
        frame = pd.DataFrame(dict(enumerate(found)), index=index, copy=many)
        frame.columns = names
    if "attrs" in whole.names:
        frame.attrs = values.put_together(whole.part("attrs"))[0]
    if whole.facts["unique_labels"]:
        frame = frame.set_flags(allows_duplicate_labels=False)
    again: Frame = frame
    return again
