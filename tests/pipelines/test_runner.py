"""What the kernel of the next step may import ahead of its turn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlops_jupyter.pipelines.runner import first_imports
from mlops_jupyter.pipelines.source import read_notebook
from tests.pipelines.notebooks import PARAMETERS, code, write


@pytest.mark.parametrize(
    ("setup", "modules"),
    [
        ("import os, numpy as np\nfrom sklearn.svm import SVC\nx = SVC()\nimport json",
         ["os", "numpy", "sklearn.svm"]),
        ("# settings\nLIMIT = 3\n%matplotlib inline\nimport json", ["json"]),
        # the order may matter: numpy reads the environment when it is imported
        ("import os\nos.environ['OMP_NUM_THREADS'] = '1'\nimport numpy", ["os"]),
        ("%%time\nimport json", ["json"]),
        ("from math import *", ["math"]),
        # the user's own modules may read files that a step before writes
        ("import helpers, package.part, json", ["json"]),
        ("from . import here", []),
        ("try:\n    import fast\nexcept ImportError: fast = None\nimport json", []),
        ("", []),
    ],
)  # fmt: skip
def test_only_imports_that_come_first(tmp_path: Path, setup: str, modules: list[str]) -> None:
    (tmp_path / "helpers.py").touch()
    (tmp_path / "package").mkdir()
    cells = [code(setup), code("n = 1", PARAMETERS), code("import re", "step:a")]
    path = write(tmp_path / "study.ipynb", *cells)
    assert first_imports(read_notebook(path)) == modules


def test_what_a_command_imports_is_light() -> None:
    heavy = "{'papermill', 'nbformat', 'nbclient', 'jupyter_client', 'pandas', 'mlflow', 'IPython'}"
    modules = "mlops_jupyter.cli.pipeline, mlops_jupyter.pipelines.execute"
    source = f"import sys, {modules}; print({heavy} & set(sys.modules) or 'light')"
    shown = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "light"
