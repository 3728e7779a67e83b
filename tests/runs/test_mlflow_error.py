"""What is said when MLflow does not take a run: cause, remedy, and no credentials."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from importlib import metadata

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.runs import history
from mlops_jupyter.runs.mlflow_error import in_words
from mlops_jupyter.runs.mlflow_place import absolute, is_missing, redacted, same
from mlops_jupyter.runs.recorder import Findings
from tests.runs.test_mirror import record

SERVER = "http://ada:s3cret-word@mlflow.example.org"


def sync(project: Project, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mlops_jupyter.cli.main", "sync"],
        cwd=project.root, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("HTTPConnectionPool(…): Max retries exceeded with url: /api", "does not answer: start it"),
        ("API request failed with error code 401 != 200", "refuses us: log in with MLFLOW_TRACK"),
        ("No space left on device", "no room is left where MLflow at"),
        ("(sqlite3.OperationalError) database is locked", "is locked by another program"),
        ("attempt to write a readonly database", "make it writable for you"),
        ("failed with error code 404 != 200", "is none, or a version without what we need"),
        ("failed with error code 503", "its own log says more"),
        ("No module named 'psycopg2'", "install it with pip"),
        ("something new\nwith details", "MLflow at http://***@mlflow.example.org: something new"),
    ],
)
def test_the_cause_and_the_remedy_are_named(said: str, words: str) -> None:
    told = in_words(RuntimeError(f"{said} of {SERVER}" if "new" not in said else said), SERVER)
    assert words in told
    assert "\n" not in told
    assert "s3cret-word" not in told


def test_the_cause_may_lie_deeper() -> None:
    error = RuntimeError("could not upload")
    error.__cause__ = OSError("No space left on device")
    assert "make room there" in in_words(error, "sqlite:////x.db")


def test_a_database_of_a_newer_mlflow_is_named(project: Project) -> None:
    record(project, "waits", Findings(metrics={("auc", 0): 0.5}))
    database = sqlite3.connect(project.folder / "mlflow" / "mlflow.db")
    with database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    database.close()
    answer = sync(project)
    assert answer.returncode == 7
    assert answer.stderr.splitlines()[-2] == (
        f"error: 1 run(s) could not be copied to MLflow. MLflow at {project.tracking_uri} was made"
        f" by another version of MLflow than the one here ({metadata.version('mlflow')}): install"
        " the version that made it, or run `mlflow db upgrade` on it"
    )


def test_credentials_in_the_address_are_shown_nowhere(project: Project) -> None:
    record(project, "waits", Findings())
    address = "http://ada:s3cret-word@127.0.0.1:9"
    environment = {
        "MLOPS_MLFLOW_TRACKING_URI": address,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLOPS_MIRROR_IDLE_SECONDS": "0",
    }
    answer = sync(project, **environment)
    assert answer.returncode == 7
    assert "MLflow at http://***@127.0.0.1:9 does not answer" in answer.stderr
    runs = subprocess.run(
        [sys.executable, "-m", "mlops_jupyter.cli.main", "runs"],
        cwd=project.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 run(s) on the way to MLflow. MLflow at http://***@127.0.0.1:9 does" in runs.stdout
    for text in (answer.stderr, runs.stdout, str(history.waiting(project))):
        assert "s3cret-word" not in text


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://u:p%40ss@h/x and http://h2", "https://***@h/x and http://h2"),
        ("postgresql+psycopg2://u:a@b@h/db", "postgresql+psycopg2://***@h/db"),
        ("http://h/path@2", "http://h/path@2"),
        ("sqlite:////tmp/a@b.db", "sqlite:////tmp/a@b.db"),
    ],
)
def test_credentials_are_cut_out_and_nothing_else(uri: str, shown: str) -> None:
    assert redacted(uri) == shown


def test_two_addresses_are_compared_whoever_logs_in(project: Project) -> None:
    assert same("http://u:p@h:5000/", "http://***@h:5000")
    assert same("http://h:5000", "http://***@h:5000/")
    assert not same("http://h:5000", "http://h:5001")


def test_a_relative_address_means_the_folder_of_its_kernel(project: Project) -> None:
    root = project.root
    assert absolute("sqlite:///a.db", root) == f"sqlite:///{root}/a.db"
    assert absolute("./mlruns", root) == (root / "mlruns").as_uri()
    assert absolute("http://h", root) == "http://h"
    assert is_missing(absolute("sqlite:///a.db", root))
    assert not is_missing(project.tracking_uri)
