"""What code imports, found without importing anything."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mlops_jupyter.pipelines.modules import ABSENT, imported


def put(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def names(folder: Path, *sources: str) -> set[str]:
    found = imported(sources, folder).files
    return {Path(path).relative_to(folder).as_posix() for path in found}


def test_modules_are_followed(tmp_path: Path) -> None:
    deeper = "from . import deep\nimport features"
    put(tmp_path, features="from lib import clean", lib__clean=deeper, lib__deep="", unused="")
    (tmp_path / "lib" / "__init__.py").write_text("")
    assert names(tmp_path, "import features") == {
        "features.py", "lib/__init__.py", "lib/clean.py", "lib/deep.py",
    }  # fmt: skip
    assert names(tmp_path, "%%time\nfrom lib.deep import x") == {"lib/__init__.py", "lib/deep.py"}


def test_folders_put_on_the_path_are_looked_in(tmp_path: Path) -> None:
    put(tmp_path, src__tool="x = 1")
    assert names(tmp_path, "import tool") == set()
    assert names(tmp_path, "import sys\nsys.path.insert(0, 'src')", "import tool") == {
        "src/tool.py"
    }


def test_only_the_code_of_a_module_counts(tmp_path: Path) -> None:
    put(tmp_path, tool="x = 1")
    before = imported(["import tool"], tmp_path).files
    put(tmp_path, tool="# a comment\nx   =   1\n")
    assert imported(["import tool"], tmp_path).files == before
    put(tmp_path, tool="x = 2")
    assert imported(["import tool"], tmp_path).files != before
    put(tmp_path, tool="x = = 2")  # does not parse: its bytes count
    assert imported(["import tool"], tmp_path).files != before


def test_packages_have_versions(tmp_path: Path) -> None:
    code = "import pandas as pd, os.path\nfrom sklearn import svm\nimport yaml, nowhere_at_all"
    found = imported([code], tmp_path).packages
    assert found["pandas"] == pd.__version__
    assert found["nowhere-at-all" if "nowhere-at-all" in found else "nowhere_at_all"] == ABSENT
    assert {"pandas", "scikit-learn", "pyyaml"} <= found.keys()
    assert len(found) == 4


def test_variables_of_the_environment_are_found(tmp_path: Path) -> None:
    put(tmp_path, tool="import os\nX = os.environ['DEEP']")
    code = "import os, tool\nos.getenv('A'), os.environ.get('B', 1), os.environ['C'], os.environ[n]"
    assert imported([code], tmp_path).variables == {"A", "B", "C", "DEEP"}


def test_an_import_of_nobody_knows_what_is_said(tmp_path: Path) -> None:
    found = imported(["import importlib\nimportlib.import_module(name)"], tmp_path)
    assert found.unclear == ["`importlib.import_module` imports what is not written there"]
