"""SliceBench: whether the slices that the catalog gives are right, and how small they are.

Each case is a log of executions and a target. A real kernel executes the log; the slice of the
target is replayed in a fresh process in an empty folder, and must give the repr that the whole
log gives. A slice that does not is widened as `mlops reproduce` widens one: by the nearest
left-out executions, at last to the whole log.

    python benchmarks/slicebench.py --cases FILE --oracle FILE
    python benchmarks/slicebench.py --cases FILE --write-oracle FILE   # by brute force: minutes
"""

from __future__ import annotations

import argparse
import itertools
import json
import queue
import re
import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import report
from jupyter_core.utils import ensure_event_loop
from ready_kernel import Nursery
from real_kernel import TIMEOUT_SECONDS, Kernel
from replay import Replayer

from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs.trace import closure

GIVEN = Path(__file__).parent.parent / "tests" / "slicebench"
OURS = ["mlops_jupyter.magics.extension", "mlops_jupyter.magics.capture"]
"""What a kernel imports before its first cell, in the process that kernels are forked from."""

HEAVY = ["numpy", "pandas", "scipy.sparse", "sklearn.pipeline", "matplotlib", "sqlite3"]


@dataclass(frozen=True, slots=True)
class Case:
    """A log of executions, each a cell id and a source, and the name that is asked for."""

    name: str
    group: str
    target: str
    cells: tuple[tuple[str, str], ...]

    @property
    def sources(self) -> list[str]:
        return [source for _, source in self.cells]

    def part(self, positions: Iterable[int]) -> list[str]:
        """Return the sources at these positions, from 0, in order."""
        return [self.cells[p][1] for p in sorted(positions)]


@dataclass(frozen=True, slots=True)
class Told:
    """What the catalog and the kernel say of a case.

    Attributes
    ----------
    value : str or None
        The repr of the target when the kernel had executed all.
    last : int
        The last execution that bound or changed the target, from 0.
    slice : tuple of int
        The executions on which that one stands, itself included.
    unsure : tuple of str
        Where the slice may be wrong, in words.
    """

    value: str | None
    last: int
    slice: tuple[int, ...]
    unsure: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case."""

    case: Case
    told: Told
    full: str | None
    least: tuple[int, ...]
    slice_value: str | None
    verified: tuple[int, ...]
    verified_value: str | None

    @property
    def right(self) -> bool:
        return self.slice_value == self.full

    @property
    def right_verified(self) -> bool:
        return self.verified_value == self.full

    @property
    def silently_wrong(self) -> bool:
        """Wrong before verification, and nothing was said."""
        return not self.right and not self.told.unsure

    @property
    def said(self) -> str:
        if self.told.value != self.full:
            return f"the kernel gives {self.told.value:.40}"
        if self.right:
            return "right"
        how = "SILENTLY wrong" if self.silently_wrong else "wrong, unsure"
        return f"{how}, {'widened' if self.right_verified else 'NOT found by widening'}"


def read_cases(path: Path, only: Sequence[str] = ()) -> list[Case]:
    """Read the cases of a file; `only` names those that are wanted, empty: all."""
    found = [
        Case(c["name"], c["group"], c["target"], tuple((i, s) for i, s in c["cells"]))
        for c in json.loads(path.read_text(encoding="utf-8"))
    ]
    return [case for case in found if not only or case.name in only]


def read_slice(project: Project, case: Case, value: str | None) -> Told:
    """Read the slice of the target from the catalog."""
    rows = project.catalog.rows(
        "SELECT position, text, writes, changes, parents, unsure FROM cell_execution"
        " JOIN source ON digest = source_digest ORDER BY position"
    )
    if [row["text"] for row in rows] != case.sources:
        raise ValueError(f"{case.name}: the catalog does not hold the log as it was executed")
    of = {p: [json.loads(row[c]) for c in ("writes", "changes", "parents", "unsure")]
          for p, row in enumerate(rows)}  # fmt: skip
    bound = [p for p, (writes, changes, *_) in of.items() if case.target in [*writes, *changes]]
    last = max(bound, default=len(rows) - 1)
    # the catalog counts from 1
    kept = tuple(closure({p: [at - 1 for at in found[2]] for p, found in of.items()}, last))
    unsure = tuple(dict.fromkeys(reason for p in kept for reason in of[p][3]))
    return Told(value, last, kept, unsure)


class Ready(Kernel):
    """A kernel in a folder, forked."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        self.timeout_seconds = TIMEOUT_SECONDS
        self.forked = nursery.kernel(folder)
        self.client = self.forked.client
        self.forked.wait()

    def close(self) -> None:
        self.forked.kill()
        self.forked.close()


def nursery() -> Nursery:
    """Begin the process that kernels are forked from."""
    return Nursery(Path(tempfile.gettempdir()), *OURS, environment={})


def record(case: Case, kernels: Nursery) -> Told:
    """Let a kernel execute the log, and return what was recorded."""
    with tempfile.TemporaryDirectory(prefix="b", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "mlops.yaml").write_text("version: 1\n")  # no MLflow store: it takes seconds
        (folder / "work").mkdir()
        kernel = Ready(kernels, folder / "work")
        try:
            kernel.must("%load_ext mlops_jupyter")
            for cell_id, source in case.cells:
                kernel.run(source, cell_id)
            value = kernel.ask(f"repr({case.target})")
        finally:
            kernel.close()
            ensure_event_loop().close()  # of this thread: the client has made it
        project = open_project(folder)
        try:
            return read_slice(project, case, value)
        finally:
            project.catalog.close()


def widened(case: Case, told: Told) -> Iterable[tuple[int, ...]]:
    """Yield larger and larger slices: the nearest left-out ones first, in the end all."""
    left_out = [p for p in reversed(range(told.last + 1)) if p not in told.slice]
    more = 1
    while more < len(left_out):
        yield tuple(sorted([*told.slice, *left_out[:more]]))
        more *= 2
    yield tuple(range(len(case.cells)))


def judge(case: Case, oracle: Mapping[str, Any], replayer: Replayer, kernels: Nursery) -> Result:
    """Record a case, replay its slice, and widen it when it does not give what was recorded."""
    told = record(case, kernels)
    slice_value = replayer.value(case.part(told.slice), case.target)
    kept, value = told.slice, slice_value
    larger = iter(widened(case, told))
    while value != told.value and len(kept) < len(case.cells):
        kept = next(larger)
        value = replayer.value(case.part(kept), case.target)
    full, least = oracle["full"][1], tuple(oracle["min"])
    return Result(case, told, full, least, slice_value, kept, value)


def least_of(case: Case, searcher: Replayer, replayer: Replayer) -> dict[str, Any]:
    """Find the smallest part of the log that gives what the whole gives, by brute force."""
    full = [replayer.value(case.sources, case.target) for _ in range(2)]
    if full[0] is None or full[0] != full[1]:
        raise ValueError(f"{case.name}: the whole log gives {full[0]}, and then {full[1]}")
    count = len(case.cells)
    naming = {p for p in range(count) if re.search(rf"\b{case.target}\b", case.cells[p][1])}
    parts = (p for size in range(1, count) for p in itertools.combinations(range(count), size))
    tried = (searcher, replayer, replayer)
    least = next(
        (
            part
            for part in parts
            if naming & set(part)  # else nothing could bind it
            and all(by.value(case.part(part), case.target) == full[0] for by in tried)
        ),
        tuple(range(count)),
    )
    print(case.name, full[0], least, "of", count, flush=True)
    return {"full": [True, full[0], ""], "min": list(least), "n": count}


def in_parallel(
    cases: Sequence[Case],
    work: Callable[..., Any],
    workers: int,
    *makers: Callable[[], Any],
) -> list[Any]:
    """Do the work for each case, by some threads that have processes of their own for that."""
    made = [[make() for make in makers] for _ in range(workers)]
    free: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
    for own in made:
        free.put(own)

    def one(case: Case) -> Any:
        own = free.get()
        try:
            return work(case, *own)
        finally:
            free.put(own)

    try:
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(one, cases))
    finally:
        for one_made in itertools.chain(*made):
            one_made.close()


def run(cases: Sequence[Case], oracle: Mapping[str, Any], workers: int = 2) -> list[Result]:
    """Judge all cases."""
    return in_parallel(
        cases, lambda c, r, k: judge(c, oracle[c.name], r, k), workers, Replayer, nursery
    )


def totals(results: Sequence[Result]) -> dict[str, Any]:
    """Return the figures that are asked for."""
    right = [r for r in results if r.right]

    def lines(result: Result, positions: Iterable[int]) -> int:
        return sum(len(source.splitlines()) for source in result.case.part(positions))

    return {
        "cases": len(results),
        "right_after_verification": sum(r.right_verified for r in results),
        "right_by_slice_alone": len(right),
        "silently_wrong_before": sum(r.silently_wrong for r in results),
        "flagged_unsure": sum(bool(r.told.unsure) for r in results),
        "kernel_differs_from_oracle": sum(r.told.value != r.full for r in results),
        "size_ratio_mean": statistics.fmean(len(r.told.slice) / len(r.least) for r in right or ())
        if right else 0.0,
        "size_ratio_lines": sum(lines(r, r.told.slice) for r in right)
        / max(1, sum(lines(r, r.least) for r in right)),
    }  # fmt: skip


def show(results: Sequence[Result]) -> None:
    """Print one row for each case, then the totals."""
    rows = [
        [r.case.name, r.case.group, r.said, len(r.told.slice), len(r.least), len(r.case.cells),
         "; ".join(r.told.unsure)[:60]]
        for r in results
    ]  # fmt: skip
    headers = ["case", "group", "slice", "kept", "least", "of", "unsure"]
    report.table("SliceBench", headers, rows)
    report.table("Totals", ["figure", "value"], list(totals(results).items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=Path, default=GIVEN / "given.json")
    parser.add_argument("--oracle", type=Path, default=None)
    parser.add_argument("--write-oracle", type=Path, help="find the least slices by brute force")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cases = read_cases(arguments.cases, arguments.only)
    path = arguments.oracle or arguments.cases.with_stem(f"{arguments.cases.stem}_oracle")
    if arguments.write_oracle or not path.exists():
        found = in_parallel(
            cases, least_of, arguments.workers, lambda: Replayer(HEAVY, 8), Replayer
        )
        oracle = {case.name: least for case, least in zip(cases, found, strict=True)}
        if arguments.write_oracle:
            arguments.write_oracle.write_text(json.dumps(oracle, indent=1) + "\n")
            return
    else:
        oracle = json.loads(path.read_text(encoding="utf-8"))
    results = run(cases, oracle, arguments.workers)
    show(results)
    report.write(arguments.json, {"slicebench": totals(results)})


if __name__ == "__main__":
    main()
