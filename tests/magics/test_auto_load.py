"""Kernels record by themselves in projects that ask for it, whatever the user has configured."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_jupyter.project import Project, open_project
from tests.kernel import Kernel

CONFIG = Path(__file__).parents[2] / "ipython-config" / "ipython_kernel_config.py"
LOADED = "'mlops_jupyter' in get_ipython().extension_manager.loaded"


@pytest.fixture
def ipython(tmp_path: Path) -> Path:
    """Return a home of IPython that reads our file as it reads that of the environment."""
    profile = tmp_path / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    shutil.copy(CONFIG, profile)
    return profile.parent


@pytest.fixture
def started(ipython: Path) -> Iterator[list[Kernel]]:
    kernels: list[Kernel] = []
    yield kernels
    for kernel in kernels:
        kernel.close()


def is_loaded(started: list[Kernel], folder: Path, ipython: Path, **environment: str) -> bool:
    started.append(Kernel(folder, IPYTHONDIR=str(ipython), **environment))
    answer = started[-1].run(LOADED)
    assert answer.text == ""
    return answer.data[0]["text/plain"] == "True"


@pytest.mark.parametrize(
    ("settings", "asks"),
    [
        ("capture: {auto_load: true}", True),
        ("capture: {track_fits: false, auto_load: true}  # all of us", True),
        ("capture:\n  # record all\n\n  auto_load: yes\n", True),
        ("capture:\n  track_fits: true\n  auto_load: true\nmlflow:\n  experiment: x", True),
        ("capture:\n  auto_load: false", False),
        ("capture:\n  track_fits: true\n  # auto_load: true", False),
        ("# capture: {auto_load: true}", False),
        ("mlflow:\n  experiment: auto_load", False),
        ("", False),
    ],
)
def test_what_mlops_yaml_asks_for(project: Project, settings: str, asks: bool) -> None:
    (project.root / "mlops.yaml").write_text(f"version: 1\n{settings}\n")
    code = f"""
class c:
    class IPKernelApp:
        extra_extensions = []
exec(open({str(CONFIG)!r}).read(), {{"get_config": lambda: c}})
print(c.IPKernelApp.extra_extensions)
"""
    below = project.root / "notebooks"
    below.mkdir()
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=below, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == ("['mlops_jupyter']" if asks else "[]")
    assert open_project(project.root).settings.capture.auto_load is asks


def test_a_kernel_of_the_project_records_by_itself(
    project: Project, ipython: Path, started: list[Kernel]
) -> None:
    assert not is_loaded(started, project.root, ipython)
    (project.root / "mlops.yaml").write_text("version: 1\ncapture: {auto_load: true}\n")
    assert is_loaded(started, project.root, ipython)
    started[-1].run("x = 1")
    rows = project.catalog.rows(
        "SELECT text FROM cell_execution JOIN source ON digest = source_digest ORDER BY position"
    )
    assert [row[0] for row in rows] == [LOADED, "x = 1"]
    started[-1].run("%load_ext mlops_jupyter")
    assert not is_loaded(started, project.root.parent, ipython)


def test_the_server_may_ask_for_all_of_its_kernels(
    project: Project, ipython: Path, started: list[Kernel]
) -> None:
    told = {"MLOPS_CAPTURE_AUTO_LOAD": "true"}
    assert is_loaded(started, project.root, ipython, **told)
    assert not is_loaded(started, project.root.parent, ipython, **told), "in no project"
    (project.root / "mlops.yaml").write_text("version: 1\ncapture: {auto_load: true}\n")
    assert not is_loaded(started, project.root, ipython, MLOPS_CAPTURE_AUTO_LOAD="false")


@pytest.mark.parametrize(
    "line",
    [
        "c.InteractiveShellApp.extensions = ['autoreload']",
        "c.InteractiveShellApp.extensions.append('autoreload')",
        "c.IPKernelApp.extensions = ['autoreload']",
    ],
)
def test_what_the_user_has_configured_stays(
    project: Project, ipython: Path, started: list[Kernel], line: str
) -> None:
    (ipython / "profile_default" / "ipython_config.py").write_text(f"c = get_config()\n{line}\n")
    assert is_loaded(started, project.root, ipython, MLOPS_CAPTURE_AUTO_LOAD="1")
    answer = started[-1].run(
        "'IPython.extensions.autoreload' in get_ipython().extension_manager.loaded"
    )
    assert answer.data[0]["text/plain"] == "True"


def test_a_kernel_that_does_not_ask_pays_next_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    code = compile(CONFIG.read_text(), str(CONFIG), "exec")
    monkeypatch.chdir(deep)
    times = []
    for _ in range(5):
        re.purge()
        began = time.process_time()
        exec(code, {"get_config": lambda: None})
        times.append(time.process_time() - began)
    assert min(times) < 0.005
