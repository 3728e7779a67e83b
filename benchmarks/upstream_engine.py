"""papermill's own tests of engines, execution and parameters, with our engine in papermill's place.

papermill's tests are taken from a checkout, or from the installed package where it brings them;
none of them is copied here. What is expected to differ is listed below, with the reason; anything
else is an error.

    python benchmarks/upstream_engine.py                       # those of the installed papermill
    python benchmarks/upstream_engine.py /path/to/papermill    # those of a checkout
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

import report

FILES = ("test_engines", "test_execute", "test_autosave", "test_clientwrap", "test_parameterize")

_WRITES = "it watches papermill's own function for writing; we write in one step, and seldom"
_CLIENT = "it replaces papermill's own client; ours takes the same options"
DIFFERENCES = {
    "TestNotebookExecutionManager.test_save": _WRITES,
    "TestMidCellAutosave.test_autosave_not_too_fast": _WRITES,
    "TestMidCellAutosave.test_end2end_autosave_slow_notebook": _WRITES,
    "TestNBClientEngine.test_nb_convert_engine": _CLIENT,
    "TestNotebookHelpers.test_default_start_timeout": _CLIENT,
    "TestNotebookHelpers.test_start_timeout": _CLIENT,
}
"""Tests that do not pass, each with its reason."""


def pytest_configure() -> None:
    """Put our engine, and what keeps its notebook, in the place of papermill's (a plugin)."""
    from papermill import engines

    from mlops_jupyter.pipelines.engine import MlopsEngine
    from mlops_jupyter.pipelines.executed import Manager

    engines.NBClientEngine = MlopsEngine
    engines.NotebookExecutionManager = Manager
    for name in (None, "nbclient"):
        engines.papermill_engines.register(name, MlopsEngine)


def tests_of(checkout: Path | None) -> Path:
    """Return the folder of papermill's tests."""
    if checkout is not None:
        return checkout / "papermill" / "tests"
    found = importlib.util.find_spec("papermill")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "tests"


def run(checkout: Path | None, chosen: list[str], root: Path, *, ours: bool) -> dict[str, str]:
    """Run tests with our engine or with papermill's own.

    Returns for each whether it ``passed``, or else the first line of what went wrong.
    """
    here = Path(__file__).resolve().parent
    roots = [*([str(checkout.resolve())] if checkout else []), str(here.parent), str(here)]
    plugin = ["-p", "upstream_engine"] if ours else []
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, "-p", "no:cacheprovider",
         "--rootdir", str(root), "-c", os.devnull, f"--junitxml={root / 'found.xml'}", *chosen],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(roots)},
        cwd=root, stdout=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    found = {}
    for case in ET.parse(root / "found.xml").iter("testcase"):
        name = f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name')}"
        wrong = [child for child in case if child.tag in {"failure", "error"}]
        found[name] = (wrong[0].get("message") or "").partition("\n")[0] if wrong else "passed"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", nargs="?", type=Path, help="default: the installed papermill")
    parser.add_argument("--files", nargs="*", default=FILES, help="which of its test files")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    tests = tests_of(arguments.checkout)
    if not tests.is_dir():
        raise SystemExit(f"{tests}: there are no tests of papermill; give the path of a checkout")
    chosen = [str(tests / f"{name}.py") for name in arguments.files]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = run(arguments.checkout, chosen, Path(folder), ours=True)
        failed = {name: said for name, said in found.items() if said != "passed"}
        unexpected = set(failed) - set(DIFFERENCES)
        words = " or ".join(name.partition(".")[0] for name in unexpected)
        theirs = (
            run(arguments.checkout, [*chosen, "-k", words], Path(folder), ours=False)
            if unexpected
            else {}
        )
    both = {name for name in unexpected if theirs.get(name, "passed") != "passed"}
    rows = [[name, _why(name, said, both)] for name, said in failed.items()]
    title = f"papermill's tests with our engine: {len(found) - len(failed)} of {len(found)} passed"
    report.table(title, ["test", "why it differs"], rows)
    report.write(arguments.json, {"upstream_engine": found})
    if not found or unexpected - both:
        raise SystemExit(1)


def _why(name: str, said: str, both: set[str]) -> str:
    if name in both:
        return f"papermill's own engine does not pass it here either: {said}"
    return DIFFERENCES.get(name, f"UNEXPECTED: {said}")


if __name__ == "__main__":
    main()
