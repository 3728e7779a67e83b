"""Starting a real JupyterLab that shares nothing with the user's."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.free_port import free_port

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 300

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/completer-extension:manager": {"autoCompletion": False},
}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    root: Path

    def address(self, notebook: str) -> str:
        """Return where a notebook is opened, in a fresh workspace."""
        return f"{self.url}/lab/tree/{notebook}?token={self.token}&reset"

    def write_notebook(self, path: str, *cells: str) -> str:
        """Write a notebook; return its path from the server's root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        content = {
            "cells": [
                {**code, "id": f"cell-{number}", "source": source}
                for number, source in enumerate(cells)
            ],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        file.write_text(json.dumps(content))
        return path


@contextmanager
def start_lab(root: Path, private: Path) -> Iterator[Lab]:
    """Start JupyterLab with the panel as it is built in this clone.

    Parameters
    ----------
    root : Path
        The folder to serve.
    private : Path
        A folder for everything else that it writes.
    """
    _check_panel()
    port, token = free_port(), secrets.token_hex(16)
    log = private / "lab.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *(f"--port={port}", "--ServerApp.port_retries=0", "--expose-app-in-browser"),
                *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"),
                f"--LabApp.app_settings_dir={private / 'settings'}",
            ],
            env=_environment(private),
            stdout=file,
            stderr=file,
        )
    lab = Lab(f"http://127.0.0.1:{port}", token, root)
    try:
        _wait(lab, process, log)
        yield lab
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        # it waits for a kernel that is still starting; kernels end with their server
        process.kill()
        process.wait()


def _check_panel() -> None:
    sys.path.insert(0, str(REPOSITORY))
    try:
        from hatch_build import is_fresh
    finally:
        sys.path.pop(0)
    if not is_fresh(REPOSITORY):
        pytest.fail("the panel is not built from its sources: run `python hatch_build.py`")


def _environment(private: Path) -> dict[str, str]:
    extensions = private / "data" / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "mlops-jupyter").symlink_to(REPOSITORY / "mlops_jupyter" / "labextension")
    shutil.copytree(REPOSITORY / "jupyter-config", private / "config" / "jupyter_server_config.d")
    (private / "settings").mkdir()
    (private / "settings" / "overrides.json").write_text(json.dumps(SETTINGS))
    return {
        **os.environ,
        # a panel that was installed earlier is not the one to test
        "JUPYTER_PREFER_ENV_PATH": "0",
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_DATA_DIR": str(private / "data"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "user-settings"),
        "IPYTHONDIR": str(private / "ipython"),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
    }


def _wait(lab: Lab, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"JupyterLab ended at once:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(f"{lab.url}/api?token={lab.token}", timeout=60):
                return
        except OSError:
            sleep(0.1)
    pytest.fail(f"JupyterLab did not answer in {START_SECONDS} s:\n{log.read_text()}")
