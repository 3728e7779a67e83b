"""Frames, files and folders to measure data versions with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd


def mixed_frame(rows: int) -> pd.DataFrame:
    """Return ids, floats, prices, two columns of text, times, flags: 77 bytes a row."""
    random = np.random.default_rng(0)
    kinds = np.array(["north", "south", "east", "west", "centre"])
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "x": random.random(rows),
            "y": random.random(rows),
            "price": random.integers(0, 100_000, rows) / 100,
            "weight": random.random(rows).astype("float32"),
            "region": kinds[random.integers(0, 5, rows)],
            "key": [f"key-{n}" for n in random.permutation(rows)],
            "at": pd.date_range("2024", periods=rows, freq="s"),
            "ok": random.random(rows) > 0.5,
            "count": random.integers(0, 1000, rows).astype("int32"),
        }
    )


def changes(frame: pd.DataFrame) -> Iterator[tuple[str, float, pd.DataFrame]]:
    """Yield what changes, how many % of the first version it may add, and the next version."""
    random = np.random.default_rng(1)
    rows, few = len(frame), len(frame) // 100
    some = np.sort(random.choice(rows, few, replace=False))
    others = frame.sample(few, random_state=1)
    new = others.assign(id=np.arange(rows, rows + few), x=random.random(few), y=random.random(few))
    yield "1 % of the rows of one float column", 0.5, one_column(frame, some)
    yield "1 % of the rows of all columns", 2, all_columns(frame, some, others)
    yield "1 % appended", 1.5, pd.concat([frame, new], ignore_index=True)
    yield "1 % deleted at random", 0.3, frame.drop(index=some).reset_index(drop=True)
    half = rows // 2
    middle = pd.concat([frame[:half], new, frame[half:]], ignore_index=True)
    yield "1 % inserted in the middle", 1.5, middle
    # one column: what it takes in the first version
    yield "a column added", 100 / len(frame.columns) * 2.5, frame.assign(z=random.random(rows))
    yield "all rows shuffled", 11, frame.sample(frac=1, random_state=2).reset_index(drop=True)


def one_column(frame: pd.DataFrame, some: np.ndarray) -> pd.DataFrame:
    """Return the frame with other floats in some rows of one column."""
    changed = frame.copy()
    changed.loc[some, "x"] = np.random.default_rng(3).random(len(some))
    return changed


def all_columns(frame: pd.DataFrame, some: np.ndarray, others: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with other rows in the place of some."""
    changed = frame.copy()
    for place, name in enumerate(frame.columns):
        changed.iloc[some, place] = others[name].array
    return changed


def text_file(path: Path, megabytes: float) -> Path:
    """Write a CSV of about this size."""
    frame = mixed_frame(20_000)
    content = frame.to_csv(index=False).encode()
    with path.open("wb") as file:
        for turn in range(max(1, round(megabytes * 1e6 / len(content)))):
            frame["x"] = np.random.default_rng(turn).random(len(frame))
            file.write(frame.to_csv(index=False, header=turn == 0).encode())
    return path


def random_file(path: Path, megabytes: float) -> Path:
    """Write bytes that nothing compresses."""
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        for start in range(0, int(megabytes * 1e6), 2**24):
            file.write(random.bytes(min(2**24, int(megabytes * 1e6) - start)))
    return path


def folder_of(path: Path, files: int) -> Path:
    """Write a folder of small text files, a hundred in each of its folders."""
    random = np.random.default_rng(0)
    for number in range(files):
        place = path / f"{number // 100:04d}"
        place.mkdir(parents=True, exist_ok=True)
        words = " ".join(map(str, random.integers(0, 10_000, 100)))
        (place / f"{number:06d}.txt").write_text(words)
    return path
