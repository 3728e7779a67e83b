"""How often a drift alarm is wrong, and what a million rows cost.

    python benchmarks/drift_errors.py                            everything, a few minutes
    python benchmarks/drift_errors.py --only cost
    python benchmarks/drift_errors.py --rows 50,500 --trials 1000 --json FILE

Tables of 20 columns, 15 of numbers of different shapes and 5 of categories, are compared with the
stored profile of a reference from the same distributions. An alarm in any column is false. Then one
column is moved by half a standard deviation. Beside the rule of `drift.alarms` stand its two
halves, which are what other tools go by: the population stability index alone, and the p value
alone, unadjusted.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import report

from mlops_jupyter.data.statistics import profile
from mlops_jupyter.promotion.statistics import drift

PARTS = ("false", "found", "cost")
REFERENCE = 20_000
REFERENCES = 40
"""Different ones of `REFERENCE` rows, for the trials in turn: drawing one takes the time of many
trials."""
LETTERS = [np.array([f"c{i}" for i in range(count)]) for count in (2, 3, 5, 12, 30)]

Figures = dict[str, Any]


def table(rows: int, draw: np.random.Generator) -> pd.DataFrame:
    """Return 15 columns of numbers and 5 of categories, some with missing values."""
    columns: dict[str, Any] = {
        **{f"normal {i}": draw.normal(i, 1 + i, rows) for i in range(3)},
        "uniform": draw.random(rows),
        "two humps": draw.normal(size=rows) + 4 * draw.integers(0, 2, rows),
        **{f"lognormal {s}": draw.lognormal(0, s, rows) for s in (0.5, 1.0, 2.0)},
        "exponential": draw.exponential(size=rows),
        "t 3": draw.standard_t(3, rows),
        "pareto": draw.pareto(2.5, rows),
        **{f"poisson {m}": draw.poisson(m, rows) for m in (0.5, 3, 20)},
        "mostly 0": np.where(draw.random(rows) < 0.7, 0.0, draw.exponential(size=rows)),
    }
    for letters in LETTERS:
        shares = 1.0 / np.arange(1, len(letters) + 1)
        picked = draw.choice(len(letters), rows, p=shares / shares.sum())
        columns[f"{len(letters)} categories"] = pd.Categorical.from_codes(picked, letters)
    made = pd.DataFrame(columns)
    made.loc[draw.random(rows) < 0.1, "normal 0"] = np.nan
    return made


def moved(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the table with one column moved by half of its standard deviation."""
    return frame.assign(**{name: frame[name] + DEVIATIONS[name] / 2})


DEVIATIONS = {
    "normal 1": 2.0,
    "two humps": math.sqrt(5),
    "lognormal 1.0": math.sqrt((math.e - 1) * math.e),
    "t 3": math.sqrt(3),
    "poisson 3": math.sqrt(3),
}


def references(rows: int, seed: int) -> list[drift.Reference]:
    """Return what the stored profile of a drawn table knows."""
    made = profile.of_value(table(rows, np.random.default_rng([seed, rows, 1])))
    return [drift.reference_of(column) for column in made.columns]


def compared(stored: Sequence[drift.Reference], frame: pd.DataFrame) -> tuple[Any, ...]:
    return drift.adjusted(drift.compare(one, frame[one.name]) for one in stored)


def false_alarms(rows: Sequence[int], trials: int, level: float) -> Figures:
    """Undrifted tables, against a profile of many rows and one of as many."""
    pool = [references(REFERENCE, seed) for seed in range(REFERENCES)]
    shown, figures = [], {}
    for count in rows:
        for name in (f"{REFERENCE:,}", "as many"):
            alarms = np.zeros(3)
            for trial in range(trials):
                equal = name == "as many"
                stored = references(count, trial) if equal else pool[trial % REFERENCES]
                frame = table(count, np.random.default_rng([trial, count, 2 + equal]))
                found = compared(stored, frame)
                alarms += (
                    bool(drift.alarms(found, level)),
                    max(column.psi for column in found) >= drift.FLOOR,
                    min(column.p for column in found) <= level,
                )
            rates = (alarms / trials).tolist()
            figures[f"{count} against {name}"] = rates
            shown.append([f"{count:,} against {name}", *(100 * rate for rate in rates)])
    headers = ["rows against", "any alarm", "PSI alone", "p alone"]
    error = 100 * math.sqrt(level * (1 - level) / trials)
    title = f"no drift, 20 columns: % of trials, standard error {error:.2f} at {level:.0%}"
    report.table(title, headers, shown)
    return figures


def found_alarms(rows: Sequence[int], trials: int, level: float) -> Figures:
    """One of 20 columns moved by half a standard deviation."""
    pool = [references(REFERENCE, seed) for seed in range(REFERENCES)]
    shown, figures = [], {}
    for count in rows:
        hits = dict.fromkeys(DEVIATIONS, 0)
        for trial in range(trials):
            stored = pool[trial % REFERENCES]
            frame = table(count, np.random.default_rng([trial, count, 4]))
            plain = [drift.compare(one, frame[one.name]) for one in stored]
            for name in DEVIATIONS:
                place = next(n for n, one in enumerate(stored) if one.name == name)
                changed = list(plain)
                changed[place] = drift.compare(stored[place], moved(frame, name)[name])
                alarms = drift.alarms(drift.adjusted(changed), level)
                hits[name] += any(column.name == name for column in alarms)
        rates = {name: hit / trials for name, hit in hits.items()}
        figures[f"{count}"] = rates
        shown.append([f"{count:,}", *(100 * rate for rate in rates.values())])
    title = f"half a standard deviation in one of 20 columns: % found, {trials} trials"
    report.table(title, ["rows", *DEVIATIONS], shown)
    return figures


def cost(rows: int) -> Figures:
    """CPU seconds of comparing a long table with a stored profile."""
    frame = table(rows, np.random.default_rng(0))
    stored = references(REFERENCE, 0)
    took = []
    for _ in range(3):
        start = time.process_time()
        compared(stored, frame)
        took.append(time.process_time() - start)
    as_text = frame.assign(
        **{name: frame[name].astype(str) for name in frame if frame[name].dtype == "category"}
    )
    start = time.process_time()
    compared(stored, as_text)
    texts = time.process_time() - start
    shown = [["categories", min(took)], ["categories as text", texts]]
    report.table(f"{rows:,} rows x 20 columns, stored profile", ["", "CPU s"], shown)
    return {"seconds": min(took), "seconds_text": texts}


def parts(chosen: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    for part in chosen.only:
        if part == "false":
            yield part, false_alarms(chosen.rows, chosen.trials, chosen.level)
        elif part == "found":
            yield part, found_alarms([200, 500], chosen.trials // 4, chosen.level)
        else:
            yield part, cost(chosen.long)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--rows",
        type=lambda text: [int(n) for n in text.split(",")],
        default=[50, 200, 1000, 5000, 20_000],
    )
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--level", type=float, default=0.05)
    parser.add_argument("--long", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    report.write(chosen.json, dict(parts(chosen)))


if __name__ == "__main__":
    main()
