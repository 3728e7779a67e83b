"""The build: what goes into the wheel, and when the panel is compiled."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PANEL = "data/share/jupyter/labextensions/mlops-jupyter/"

sys.path.insert(0, str(REPOSITORY))
import hatch_build  # noqa: E402

sys.path.pop(0)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """Copy what the build reads: sources, and the panel compiled from them."""
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    for name in ("mlops_jupyter", "jupyter-config", "ipython-config", "labextension"):
        leave = shutil.ignore_patterns("node_modules", "lib", ".yarn", "__pycache__")
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=leave)
    assert hatch_build.is_fresh(tmp_path), "run `python hatch_build.py` first"
    return tmp_path


def hook(root: Path) -> hatch_build.LabextensionHook:
    """Return the hook as hatchling makes it."""
    from hatchling.builders.wheel import WheelBuilder

    builder = WheelBuilder(str(root))
    return hatch_build.LabextensionHook(
        str(root), {}, builder.config, builder.metadata, "", "wheel", builder.app
    )


def script(folder: Path, name: str, says: str) -> None:
    """Write a program that says one thing."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)


def test_the_wheel_carries_the_panel_once(clone: Path, tmp_path: Path) -> None:
    made = tmp_path / "dist"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made)],
        cwd=clone,
        check=True,
        capture_output=True,
    )
    (wheel,) = made.glob("*.whl")
    # data of the wheel stands under mlops_jupyter-<version>.data
    names = [name.partition(".data/")[2] or name for name in zipfile.ZipFile(wheel).namelist()]
    assert PANEL + "package.json" in names
    assert PANEL + "install.json" in names
    assert "data/etc/jupyter/jupyter_server_config.d/mlops_jupyter.json" in names
    assert "data/etc/ipython/ipython_kernel_config.py" in names
    assert "mlops_jupyter/store/migrations/0001_first.sql" in names
    assert sum("remoteEntry" in name for name in names) == 1
    assert not [name for name in names if name.endswith((".ts", ".tsx"))]


def test_nothing_is_compiled_while_the_sources_are_the_same(clone: Path) -> None:
    assert hook(clone).dependencies() == []
    (clone / "labextension" / "src" / "__tests__" / "live.spec.ts").write_text("")
    assert hook(clone).dependencies() == []


@pytest.mark.parametrize("file", ["src/live.ts", "style/base.css", "package.json", "yarn.lock"])
def test_a_changed_source_asks_for_the_compiler(clone: Path, file: str) -> None:
    with (clone / "labextension" / file).open("a") as source:
        source.write("\n")
    assert hatch_build.BUILDER in hook(clone).dependencies()


def test_a_source_that_is_renamed_is_changed(clone: Path) -> None:
    (clone / "labextension/src/live.ts").rename(clone / "labextension/src/dead.ts")
    assert not hatch_build.is_fresh(clone)


@pytest.mark.parametrize(
    ("node", "asks"),
    [("v20.19.0", False), ("v22.1.0", False), ("v18.20.4", True), ("nonsense", True), (None, True)],
)
def test_node_comes_from_a_wheel_where_there_is_none(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: str | None, asks: bool
) -> None:
    (clone / "labextension" / "src" / "live.ts").write_text("")
    programs = tmp_path / "bin"
    programs.mkdir()
    if node is not None:
        script(programs, "node", node)
    monkeypatch.setenv("PATH", str(programs))
    assert (hatch_build.NODE in hook(clone).dependencies()) is asks


def test_skip_compiles_nothing(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_LABEXTENSION", "skip")
    (clone / "labextension" / "src" / "live.ts").write_text("")
    assert hook(clone).dependencies() == []


@pytest.mark.parametrize("mode", ["auto", "require"])
def test_without_node(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("MLOPS_LABEXTENSION", mode)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(hatch_build, "node_of_wheel", lambda: None)
    shutil.rmtree(clone / "mlops_jupyter" / "labextension")
    made: dict[str, dict[str, str]] = {"shared_data": {}}
    if mode == "require":
        with pytest.raises(hatch_build.NoNodeError, match=r"Node\.js 20\.19"):
            hook(clone).initialize("standard", made)
    else:
        hook(clone).initialize("standard", made)
    assert made == {"shared_data": {}}


def test_an_unknown_mode_is_refused(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_LABEXTENSION", "maybe")
    with pytest.raises(ValueError, match="say auto, require or skip"):
        hook(clone).dependencies()


def test_both_packages_have_one_version() -> None:
    import json
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    package = json.loads((REPOSITORY / "labextension" / "package.json").read_text())
    assert package["version"] == project["version"]
