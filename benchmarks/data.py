"""Data versions: seconds and bytes, beside DVC and Parquet.

    python benchmarks/data.py                                    everything, about ten minutes
    python benchmarks/data.py --only frames --rows 1000000
    python benchmarks/data.py --only files --file my.csv
    python benchmarks/data.py --versions FOLDER                  each file in it is a version

DVC is taken from ``--dvc PATH``; without it, it is installed into ``build/bench-venv``, apart
from the project's own packages.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import data_cases as cases
import pandas as pd
import report
from data_peers import ROOT, Cost, Dvc, OurCommand, Ours, Peer, dvc_command, measured, median, size

from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import init

PARTS = ("frames", "changes", "files", "folder", "memory", "many")

Makers = Sequence[Callable[[Path], Peer]]
Figures = dict[str, Any]


def frames(makers: Makers, rows: int, rounds: int) -> Figures:
    """First, unchanged, one column changed, and back: the peers take turns."""
    frame = cases.mixed_frame(rows)
    changed = next(cases.changes(frame))[2]
    found: dict[str, dict[str, list[Cost]]] = {}
    for _ in range(rounds):
        for make in makers:
            with scratch() as folder:
                peer = make(folder / "project")
                for what, verb in {
                    "first": lambda: peer.frame(frame),  # noqa: B023
                    "unchanged": lambda: peer.frame(frame),  # noqa: B023
                    "restored": peer.restore,
                    "one column changed": lambda: peer.frame(changed),  # noqa: B023
                }.items():
                    cost = measured(verb, peer.stored)
                    found.setdefault(what, {}).setdefault(peer.name, []).append(cost)
    return compared(f"frame of {rows:,} rows", found)


def changed_frames(rows: int) -> Figures:
    """Bytes that each change adds, in % of the first version."""
    frame = cases.mixed_frame(rows)
    shown, figures = [], {}
    with scratch() as folder:
        first = Ours(folder / "first")
        first.frame(frame)
        whole = first.stored()
        for what, most, changed in cases.changes(frame):
            shutil.copytree(folder / "first", folder / "next")
            peer = Ours(folder / "next")
            cost = measured(lambda: peer.frame(changed), peer.stored)  # noqa: B023
            pd.testing.assert_frame_equal(peer.restore(), changed)
            share = 100 * cost.stored / whole
            shown.append([what, share, most, cost.wall, cost.cpu])
            figures[what] = {"percent": share, "most": most, **vars(cost)}
            shutil.rmtree(folder / "next")
    headers = ["the next version", "% added", "at most", "wall s", "CPU s"]
    report.table(f"what a change adds to {whole / 1e6:.1f} MB ({rows:,} rows)", headers, shown)
    return figures


def paths(makers: Makers, things: Sequence[Path], rounds: int) -> Figures:
    """Files and folders: first, and unchanged; in a folder then one file changed."""
    figures: Figures = {}
    for thing in things:
        found: dict[str, dict[str, list[Cost]]] = {}
        for _ in range(rounds):
            for make in makers:
                with scratch() as folder:
                    peer = make(folder / "project")
                    path = copied(thing, peer.folder / thing.name)
                    keep = lambda: peer.path(path)  # noqa: B023, E731
                    costs = {"first": measured(keep, peer.stored)}
                    costs["unchanged"] = measured(keep, peer.stored)
                    if path.is_dir():
                        next(p for p in path.rglob("*") if p.is_file()).write_text("other")
                        costs["one file changed"] = measured(keep, peer.stored)
                    for what, cost in costs.items():
                        found.setdefault(what, {}).setdefault(peer.name, []).append(cost)
        figures |= compared(f"{thing.name} {size_of(thing) / 1e6:.0f} MB", found)
    return figures


def memory(gigabytes: float) -> Figures:
    """What a snapshot of a large frame takes beyond it, in a process of its own."""
    with scratch() as folder:
        command = [sys.executable, __file__, "--peak", str(gigabytes), "--in", str(folder)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    first, changed = (float(word) for word in said.split()[-2:])
    rows = [["first", first], ["1 % of one column changed", changed]]
    report.table(f"MB beyond a frame of {gigabytes:g} GB, at the peak", ["", "MB"], rows)
    return {"memory": {"first_mb": first, "changed_mb": changed}}


def peak(gigabytes: float, folder: Path) -> None:
    """Print how many MB more two snapshots take, at their peaks, than the frames they are of."""
    frame = cases.mixed_frame(int(gigabytes * 1e9 / 77))
    snapshot(init(folder / "warm"), frame[:100], "warm")
    project = init(folder / "project")
    found = []
    for _ in range(2):
        before = resident()
        reset_peak()
        snapshot(project, frame, "train")
        found.append((resident("VmHWM") - before) / 1e6)
        frame.loc[::100, "x"] = 0.5
    print(*found)


def resident(what: str = "VmRSS") -> int:
    """Return the memory of this process in bytes (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(f"{what}:")))


def reset_peak() -> None:
    """Let the peak begin anew (https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html)."""
    Path("/proc/self/clear_refs").write_text("5")


def many(count: int) -> Figures:
    """A dataset of many versions: listing them, and having any of them back."""
    frame = cases.mixed_frame(20_000)
    order = random.Random(0)
    with scratch() as folder:
        project = init(folder / "project")
        for number in range(count):
            frame.iloc[order.randrange(len(frame)), 1] = number
            snapshot(project, frame, "train")
        listed = min(seconds(lambda: versions.dataset(project, "train")) for _ in range(5))
        first = min(seconds(lambda: versions.load(project, "train@1")) for _ in range(20))
        asked = order.sample(range(2, count + 1), min(count - 1, 100))
        restored = [
            min(seconds(lambda: versions.load(project, f"train@{n}")) for _ in range(5))  # noqa: B023
            for n in asked
        ]
        kept = size(project.objects.root) / 1e6
    rows = [
        [f"list {count} versions", 1000 * listed, "50"],
        ["restore the first", 1000 * first, ""],
        ["restore the slowest of 100", 1000 * max(restored), f"{2000 * first:.3g}"],
        ["MB kept", kept, ""],
    ]
    report.table("a dataset of many versions", ["", "ms", "at most"], rows)
    return {"many": {"list": listed, "first": first, "slowest": max(restored)}}


def kept_of(folder: Path) -> Figures:
    """Each file of a folder, by name, is the next version of one dataset."""
    found = [p for p in folder.iterdir() if p.is_file()]
    # what most files are: a page about them may lie beside
    suffix = statistics.mode(p.suffix for p in found)
    files = sorted(p for p in found if p.suffix == suffix)
    raw = sum(file.stat().st_size for file in files)
    with scratch() as place:
        project = init(place / "project")
        for file in files:
            snapshot(project, file, "data")
        kept = size(project.objects.root)
        for number, file in enumerate(unique(files), 1):
            again = versions.load(project, f"data@{number}").read_bytes()
            assert again == file.read_bytes(), file
    rows = [[folder.name, len(files), raw, kept, kept / raw]]
    report.table("versions of a file", ["", "versions", "bytes raw", "kept", "kept / raw"], rows)
    return {f"versions of {folder.name}": {"raw": raw, "kept": kept, "share": kept / raw}}


def unique(files: Sequence[Path]) -> list[Path]:
    """Return the files without those whose content came before: they are no new version."""
    seen: dict[bytes, Path] = {}
    for file in files:
        seen.setdefault(file.read_bytes(), file)
    return list(seen.values())


# --- the table ---------------------------------------------------------------------------------


def compared(title: str, found: dict[str, dict[str, list[Cost]]]) -> Figures:
    """Print the peers beside DVC, and return their figures."""
    rows: list[list[object]] = []
    figures: Figures = {}
    for what, costs in found.items():
        peer = median(costs[Dvc.name])
        for name, several in costs.items():
            cost = median(several)
            figures[f"{title}, {what}: {name}"] = vars(cost)
            beside = zip(vars(cost).values(), vars(peer).values(), strict=True)
            ratios = [f"{own / other:.2f}" if other else "-" for own, other in beside]
            stored = f"{cost.stored / 1e6:.1f}"
            rows.append([f"{what}: {name}", cost.wall, cost.cpu, stored, *ratios])
    headers = ["", "wall s", "CPU s", "MB kept", "wall / dvc", "CPU / dvc", "kept / dvc"]
    report.table(title, headers, rows)
    return figures


def seconds(verb: Callable[[], object]) -> float:
    """Return how long a verb takes."""
    start = time.perf_counter()
    verb()
    return time.perf_counter() - start


def copied(thing: Path, place: Path) -> Path:
    """Copy a file or a folder."""
    return Path(shutil.copytree(thing, place) if thing.is_dir() else shutil.copy(thing, place))


def size_of(thing: Path) -> int:
    """Return the bytes of a file or a folder."""
    return size(thing) if thing.is_dir() else thing.stat().st_size


class scratch(tempfile.TemporaryDirectory):  # noqa: N801 - reads as a function
    """A folder under ``build/`` for a `with` block."""

    def __init__(self) -> None:
        (ROOT / "build").mkdir(exist_ok=True)
        super().__init__(dir=ROOT / "build")

    def __enter__(self) -> Path:
        return Path(super().__enter__())


def options_of() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--rows", type=int, action="append", help="of the frames")
    parser.add_argument("--file-mb", type=float, default=1074, help="size of the files made")
    parser.add_argument("--file", type=Path, action="append", help="a file of yours instead")
    parser.add_argument("--files", type=int, default=10_000, help="in the folder")
    parser.add_argument("--folder", type=Path, help="a folder of yours instead")
    parser.add_argument("--memory-gb", type=float, default=2.0)
    parser.add_argument("--many", type=int, default=1000, help="versions of one dataset")
    parser.add_argument("--versions", type=Path, action="append", help="a folder of versions")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--dvc", type=Path, help="the dvc command of a venv of yours")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--in", dest="place", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def parts_of(options: argparse.Namespace) -> Figures:
    """Measure the parts that were asked for."""
    dvc = dvc_command(options.dvc)
    makers: Makers = [lambda folder: Dvc(folder, dvc), Ours]
    wanted = options.only or PARTS
    figures: Figures = {}
    for rows in options.rows or [1_000_000, 4_000_000]:
        if "frames" in wanted:
            figures |= frames(makers, rows, options.rounds)
        if "changes" in wanted:
            figures[f"changes of {rows} rows"] = changed_frames(rows)
    with scratch() as folder:
        if "files" in wanted:
            files = options.file or [
                cases.text_file(folder / "table.csv", options.file_mb),
                cases.random_file(folder / "random.bin", options.file_mb),
            ]
            figures |= paths([*makers, OurCommand], files, options.rounds)
        if "folder" in wanted:
            place = options.folder or cases.folder_of(folder / "texts", options.files)
            figures |= paths([*makers, OurCommand], [place], options.rounds)
    if "memory" in wanted:
        figures |= memory(options.memory_gb)
    if "many" in wanted:
        figures |= many(options.many)
    return figures


def main() -> None:
    options = options_of()
    if options.peak is not None:
        peak(options.peak, options.place)
        return
    with scratch() as folder:  # imports are not what is measured
        snapshot(init(folder / "warm"), cases.mixed_frame(100), "warm")
        cases.mixed_frame(100).to_parquet(folder / "warm.parquet")
    figures: Figures = {}
    if options.only or not options.versions:
        figures |= parts_of(options)
    for folder in options.versions or []:
        figures |= kept_of(folder)
    report.write(options.json, figures)


if __name__ == "__main__":
    main()
