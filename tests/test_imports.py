"""Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mlops_jupyter
from mlops_jupyter.project import Project
from tests.kernel import Kernel

HEAVY = {
    "IPython",
    "jsonschema",
    "matplotlib",
    "mlflow",
    "nbformat",
    "numpy",
    "pandas",
    "papermill",
    "pyarrow",
    "rich",
    "scipy",
    "sklearn",
    "tornado",
}

WHEN_NEEDED = {
    # a file is read, data kept
    "data.files.file", "data.file_state", "data.snapshot", "data.versions",
    "magics.display", "magics.listing",  # something is shown
    "runs.block", "runs.environment", "runs.findings", "runs.history", "runs.logged",
    "runs.mirror", "runs.mlflow_attach", "runs.mlflow_place", "runs.monitor", "runs.series",
    "store.lock",  # a run is tracked
    "runs.files",  # both
}  # fmt: skip
"""Our own modules that `%load_ext` leaves to the first cell that needs them."""

REPORT = "import sys; print(*sorted({m.partition('.')[0] for m in sys.modules}))"


def imported_by(code: str) -> set[str]:
    answer = subprocess.run(
        [sys.executable, "-c", f"{code}\n{REPORT}"], capture_output=True, text=True, check=True
    )
    return set(answer.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import mlops_jupyter",
        "import mlops_jupyter; mlops_jupyter.init, mlops_jupyter.open_project",
        "from mlops_jupyter import wire",
        (
            "from mlops_jupyter.cli.main import cli\n"
            "cli.main(['--help'], standalone_mode=False, prog_name='mlops')"
        ),
    ],
)
def test_importing_and_help_import_nothing_heavy(code: str) -> None:
    assert imported_by(code) & HEAVY == set()


def test_the_server_extension_imports_nothing_heavy() -> None:
    loaded = imported_by("import mlops_jupyter.server.app, mlops_jupyter.server.handlers")
    assert loaded & {"mlflow", "pandas", "papermill", "sklearn", "numpy", "pyarrow"} == set()


def test_load_ext_imports_nothing_heavy(project: Project) -> None:
    kernel = Kernel(project.root)
    try:
        kernel.run("import sys; before = set(sys.modules)")
        kernel.run("%load_ext mlops_jupyter")
        kernel.run("x = 1 + 1")
        kernel.run("%%track light\ny = x + 1")
        answer = kernel.run("print(*{m.partition('.')[0] for m in set(sys.modules) - before})")
        assert set(answer.text.split()) & (HEAVY - {"IPython"}) == set()
    finally:
        kernel.close()


def test_load_ext_and_plain_cells_leave_our_own_modules_to_those_who_need_them(
    project: Project,
) -> None:
    kernel = Kernel(project.root)
    try:
        kernel.run("%load_ext mlops_jupyter")
        kernel.run("x = 1 + 1")
        kernel.run("import sys")
        loaded = set(kernel.run("print(*sys.modules)").text.split())
        assert "mlops_jupyter.runs.recorder" in loaded
        assert loaded & {f"mlops_jupyter.{name}" for name in WHEN_NEEDED} == set()
    finally:
        kernel.close()


def test_nothing_that_load_ext_imports_makes_dataclasses() -> None:
    """The methods of each are compiled when its module is imported: 0.5 ms, a struct 0.01 ms."""
    code = (
        "import dataclasses, sys\n"
        "from mlops_jupyter.magics import extension\n"
        "ours = [m for n, m in sys.modules.items() if n.startswith('mlops_jupyter.')]\n"
        "made = [v for m in ours for v in vars(m).values() if isinstance(v, type)]\n"
        "print(*{f'{v.__module__}.{v.__qualname__}' for v in made if dataclasses.is_dataclass(v)\n"
        "        and v.__module__.startswith('mlops_jupyter.')}, sep='\\n')"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (answer.returncode, answer.stdout.split()) == (0, []), answer.stderr


def test_the_public_names_are_these_and_all_exist() -> None:
    assert mlops_jupyter.__all__ == [
        "Verdict",
        "approve",
        "checkout",
        "checkpoint",
        "diff",
        "erase",
        "export",
        "fetch",
        "gate",
        "gc",
        "init",
        "lineage",
        "load",
        "log_artifact",
        "log_figure",
        "log_metric",
        "log_param",
        "log_params",
        "open_project",
        "profile",
        "promote",
        "pull",
        "push",
        "read_sql",
        "release",
        "reproduce",
        "rollback",
        "snapshot",
        "sweep",
        "tag",
        "track",
        "untag",
        "verify",
        "why",
    ]
    for name in mlops_jupyter.__all__:
        assert callable(getattr(mlops_jupyter, name))
        assert getattr(mlops_jupyter, name).__doc__
    assert set(mlops_jupyter.__all__) <= set(dir(mlops_jupyter))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mlops_jupyter.nothing
