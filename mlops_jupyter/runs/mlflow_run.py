"""Our runs, written as runs of MLflow: the same names, values, figures, data and model.

Every step may be done twice: MLflow takes equal steps of a metric, equal inputs and equal
files for one; parameters that it has are left out; a run and a model of an earlier try are
found again, by the tag ``mlops.run_id`` and by the run that they came of.
"""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import sqlite3
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import msgspec
from mlflow import MlflowClient
from mlflow.entities import RunTag

from mlops_jupyter.errors import ExternalError, IntegrityError
from mlops_jupyter.project import Project
from mlops_jupyter.runs import (
    environment,
    history,
    mlflow_data,
    mlflow_model,
    mlflow_values,
    secret,
)
from mlops_jupyter.runs.mlflow_error import in_words
from mlops_jupyter.runs.mlflow_theirs import MlflowRun, theirs
from mlops_jupyter.runs.mlflow_values import LONGEST_NAME, LONGEST_TAG, milliseconds, text
from mlops_jupyter.runs.run import Run, RunDetail
from mlops_jupyter.store import mlflow_home

RUN_TAG = "mlops.run_id"

_STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}

_MOST_FOUND = 1000
"""Runs in one answer of MLflow's search."""


@dataclass(frozen=True, slots=True)
class Target:
    """The run of MLflow that one of our runs is written to.

    Attributes
    ----------
    client : MlflowClient
        Of the store that it is in.
    run : MlflowRun
    is_fresh : bool
        Made just now: nothing is in it.
    is_theirs : bool
        The user's code opened it: what it says stays.
    parent : str or None
        The run that it is nested in.
    """

    client: MlflowClient
    run: MlflowRun
    is_fresh: bool = False
    is_theirs: bool = False
    parent: str | None = None


class Copier:
    """Copies runs of a project; what they share is asked of MLflow once.

    Parameters
    ----------
    project : Project

    Raises
    ------
    Exception
        Whatever MLflow raises when it cannot be reached; so do all methods.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        if project.settings.mlflow.tracking_uri is None:
            mlflow_home.create(project.folder / "mlflow")
        self.client = MlflowClient(tracking_uri=project.tracking_uri)
        self.experiment_id = ""
        self.refresh()

    def refresh(self) -> None:
        """Look whether MLflow answers, and for the experiment."""
        self.experiment_id = _experiment(self.project, self.client)

    def copy(self, run_ids: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """Copy ended runs, and yield each with what went wrong in it, in words, or None.

        A run that is open again is left: it is copied when it ends.
        """
        with _quiet():
            yield from self._copy(run_ids)

    def _copy(self, run_ids: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        rows = {row["id"]: row for row in self._rows(run_ids) if row["status"] != "running"}
        targets: dict[str, Target] = {}
        problems: dict[str, str] = {}
        found = self._find([row for row in rows.values() if row["mlflow_run_id"] is None])
        for run_id, row in rows.items():
            with self._noted(run_id, problems, self.project.tracking_uri):
                taken = {target.run.id for target in targets.values()}
                targets[run_id] = self._target(row, found.get(run_id, []), taken)
        self._settle(rows, targets)
        for run_id in run_ids:
            if run_id in targets:
                uri = targets[run_id].run.uri or self.project.tracking_uri
                with self._noted(run_id, problems, uri):
                    self._write(history.detail(self.project, run_id), targets[run_id])
            yield run_id, problems.get(run_id)

    @contextlib.contextmanager
    def _noted(self, run_id: str, problems: dict[str, str], uri: str) -> Iterator[None]:
        """Note what goes wrong with one run, unless MLflow as a whole is away."""
        try:
            yield
        except ExternalError as error:  # the user's own MLflow is away
            problems[run_id] = error.message
        except Exception as error:  # noqa: BLE001 - MLflow raises anything; the run waits
            self.refresh()
            problems[run_id] = in_words(error, uri)

    def _rows(self, run_ids: Sequence[str]) -> list[sqlite3.Row]:
        marks = ",".join("?" * len(run_ids))
        return self.project.catalog.rows(
            "SELECT id, name, status, started_at, ended_at, mlflow_run_id, mlflow_store,"
            f" mlflow_openings, pipeline_run_id FROM run WHERE id IN ({marks})"
            " ORDER BY started_at",  # a parent begins before what is nested in it
            run_ids,
        )

    def _target(self, row: sqlite3.Row, found: list[str], taken: set[str]) -> Target:
        """Return where a run is written to: the user's own run, one of an earlier try, or a new."""
        own = theirs(self.project, self.client, row, taken)
        if own is not None and not own.is_taken:
            return Target(own.client, own.run, is_theirs=True)
        parent = own.run.id if own is not None and own.store is None else None
        kept = row["mlflow_run_id"] if row["mlflow_store"] is None else None
        if kept is not None and not _is_alive(self.client, kept):  # deleted, or elsewhere
            found, kept = self._find([row]).get(row["id"], []), None
        known = [kept] if kept else sorted(found)
        if known:
            run = MlflowRun(known[0], self.experiment_id)
            return Target(self.client, run, parent=parent)
        made = self.client.create_run(
            self.experiment_id,
            start_time=milliseconds(row["started_at"]),
            tags={RUN_TAG: row["id"]},
            run_name=text(row["name"], LONGEST_NAME),
        )
        run = MlflowRun(made.info.run_id, self.experiment_id)
        return Target(self.client, run, is_fresh=True, parent=parent)

    def _parent(self, run: Run) -> str | None:
        parent = self.project.catalog.row(
            "SELECT parent.mlflow_run_id FROM run JOIN run AS parent"
            " ON parent.id = run.parent_run_id WHERE run.id = ? AND parent.mlflow_store IS NULL",
            (run.id,),
        )
        return parent["mlflow_run_id"] if parent else None

    def _settle(self, rows: dict[str, sqlite3.Row], targets: dict[str, Target]) -> None:
        """Keep where the runs are written to; of doubles, all but one go.

        There are doubles when a mirror died, or gave up waiting, while MLflow was still at
        work on its request.
        """
        found = self._find([rows[run_id] for run_id, t in targets.items() if not t.is_theirs])
        for run_id, ids in found.items():
            target, first = targets[run_id], min(ids)
            if target.run.id not in ids or len(ids) == 1:
                continue
            run = MlflowRun(first, self.experiment_id)
            targets[run_id] = Target(self.client, run, parent=target.parent)
            for double in sorted(set(ids) - {first}):
                self.client.delete_run(double)
        uri = self.project.tracking_uri
        with self.project.catalog.transaction() as catalog:
            catalog.executemany(
                "UPDATE run SET mlflow_run_id = ?, mlflow_store = ? WHERE id = ?",
                [(t.run.id, t.run.store(uri), run_id) for run_id, t in targets.items()],
            )

    def _find(self, rows: Sequence[sqlite3.Row]) -> dict[str, list[str]]:
        """Return the runs of MLflow that bear our runs' ids, in as few calls as may be."""
        if not rows:
            return {}
        first, last = min(r["started_at"] for r in rows), max(r["started_at"] for r in rows)
        sql = "SELECT count(*) FROM run WHERE started_at BETWEEN ? AND ?"
        in_between = int(self.project.catalog.rows(sql, (first, last))[0][0])
        found: dict[str, list[str]] = defaultdict(list)
        filters = [f"tags.`{RUN_TAG}` = '{row['id']}'" for row in rows]
        if len(rows) > 1 and in_between <= _MOST_FOUND:
            times = f"{milliseconds(first)} AND attributes.start_time <= {milliseconds(last)}"
            filters = [f"attributes.start_time >= {times} AND tags.`{RUN_TAG}` LIKE '%'"]
        wanted = {row["id"] for row in rows}
        for run in itertools.chain.from_iterable(map(self._search, filters)):
            if run.data.tags.get(RUN_TAG) in wanted:
                found[run.data.tags[RUN_TAG]].append(str(run.info.run_id))
        return found

    def _search(self, filter_: str) -> Iterator[mlflow.entities.Run]:
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id], filter_, max_results=_MOST_FOUND, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _write(self, detail: RunDetail, target: Target) -> None:
        client, mlflow_id, run = target.client, target.run.id, detail.run
        present = None if target.is_fresh else client.get_run(mlflow_id).data
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder) / "files"
            model_id, model_error = self._write_model(run, target, Path(folder) / "model", files)
            tags = {**_tags(run), "mlops.model_error": model_error}
            if target.run.store(self.project.tracking_uri) is None:
                tags["mlflow.parentRunId"] = self._parent(run) or target.parent
            if target.is_theirs and present is not None:
                tags = {k: v for k, v in tags.items() if k[:6] == "mlops." or k not in present.tags}
            metrics = mlflow_values.metrics(
                self.project, run, mlflow_id, model_id, _present(present, target)
            )
            client.log_batch(
                mlflow_id,
                metrics=metrics,
                params=mlflow_values.params(run, present.params if present else {}),
                tags=[RunTag(k, text(v, LONGEST_TAG)) for k, v in tags.items() if v],
            )
            inputs = mlflow_data.inputs(self.project, run)
            if inputs:
                client.log_inputs(mlflow_id, datasets=inputs)
            _write_files(self.project, detail, files)
            # in a run of theirs a file of ours must not replace one of the same name
            client.log_artifacts(mlflow_id, str(files), "mlops" if target.is_theirs else None)
        if not target.is_theirs:
            ended_at = milliseconds(run.ended_at or run.started_at)
            client.set_terminated(mlflow_id, status=_STATUS[run.status], end_time=ended_at)
        self._nest(run, target)

    def _nest(self, run: Run, target: Target) -> None:
        """Tell the runs that were nested in this one, and copied before it, where they belong."""
        if target.run.store(self.project.tracking_uri) is not None:
            return
        children = self.project.catalog.rows(
            "SELECT mlflow_run_id FROM run WHERE parent_run_id = ? AND mlflow_store IS NULL"
            " AND mlflow_run_id IS NOT NULL",
            (run.id,),
        )
        for (child,) in children:
            if _is_alive(self.client, child):
                self.client.set_tag(child, "mlflow.parentRunId", target.run.id)

    def _write_model(
        self, run: Run, target: Target, folder: Path, files: Path
    ) -> tuple[str | None, str | None]:
        """Return MLflow's id of the run's model, and why there is none, in words."""
        if run.model_digest is None:
            return None, None
        client, mlflow_run = target.client, target.run
        known = (
            []
            if target.is_fresh
            else mlflow_model.find(client, mlflow_run.experiment_id, mlflow_run.id)
        )
        ready = [model for model in known if mlflow_model.is_ready(model)]
        if len(ready) == 1 or (ready and not target.is_theirs):
            return self._keep_model(run, str(ready[0].model_id)), None
        try:
            saved = mlflow_model.save(self.project, run, folder)
        except Exception as error:  # noqa: BLE001 - the user's own classes; the run is copied
            with contextlib.suppress(IntegrityError):
                _put(files, "model/model.pkl", self.project.objects.read(run.model_digest))
            return None, secret.masked(f"{type(error).__name__}: {error}")
        names = mlflow_values.keys(run.parameters)
        parameters = {names[name]: value for name, value in run.parameters.items()}
        unfinished = None if target.is_theirs or not known else str(known[0].model_id)
        model_id = mlflow_model.upload(
            client, mlflow_run.experiment_id, mlflow_run.id, saved, parameters, unfinished
        )
        return self._keep_model(run, model_id), None

    def _keep_model(self, run: Run, model_id: str) -> str:
        with self.project.catalog.transaction() as rows:
            rows.execute("UPDATE run SET mlflow_model_id = ? WHERE id = ?", (model_id, run.id))
        return model_id


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow from printing the address of each run that ends."""
    name = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"
    before = os.environ.get(name)
    os.environ[name] = "true"
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def _experiment(project: Project, client: MlflowClient) -> str:
    found = client.get_experiment_by_name(project.experiment)
    if found is not None:
        return str(found.experiment_id)
    location = None
    if project.settings.mlflow.tracking_uri is None:
        location = (project.folder / "mlflow" / mlflow_home.ARTIFACTS).as_uri()
    try:
        return str(client.create_experiment(project.experiment, artifact_location=location))
    except mlflow.MlflowException:  # another process was faster
        found = client.get_experiment_by_name(project.experiment)
        if found is None:
            raise
        return str(found.experiment_id)


def _is_alive(client: MlflowClient, mlflow_id: str) -> bool:
    """Whether MLflow has a run that nobody has deleted."""
    try:
        return str(client.get_run(mlflow_id).info.lifecycle_stage) == "active"
    except mlflow.MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def _present(data: Any, target: Target) -> dict[str, tuple[int, int]]:
    """Return step and time of each metric that is not to be added to; theirs are theirs."""
    if data is None:
        return {}
    forever = (sys.maxsize, sys.maxsize)
    return {
        metric.key: forever if target.is_theirs else (metric.step, metric.timestamp)
        for metric in data.to_proto().metrics
    }


def _tags(run: Run) -> dict[str, str | None]:
    return {
        RUN_TAG: run.id,
        "mlops.code_digest": run.code_digest,
        "mlops.environment_digest": run.environment_digest,
        "mlops.model_digest": run.model_digest,
        "mlops.data": ", ".join(run.data) or None,
        "mlops.git_dirty": None if run.git_dirty is None else str(run.git_dirty).lower(),
        "mlops.error": run.error,
        "mlflow.source.type": "NOTEBOOK" if run.notebook else None,
        "mlflow.source.name": run.notebook,
        "mlflow.source.git.commit": run.git_commit,
        "mlflow.user": _user(),
    }


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return None


def _write_files(project: Project, detail: RunDetail, folder: Path) -> None:
    """Write what MLflow keeps as files of the run."""
    run = detail.run
    source = "\n\n".join(f"# %% [{cell.position}]\n{cell.source}" for cell in detail.cells)
    _put(folder, "code/cells.py", f"{source}\n".encode())
    _put(folder, "parameters.json", _pretty(run.parameters))
    renamed = mlflow_values.renamed(run)
    if renamed:
        _put(folder, "metrics.json", _pretty(renamed))
    read = mlflow_data.files(project, run.id)
    if read:
        _put(folder, "files.json", _pretty(read))
    if run.environment_digest:
        captured = environment.decode(project.objects.read(run.environment_digest))
        lines = [f"{name}=={version}\n" for name, version in sorted(captured.installed.items())]
        _put(folder, "environment/installed.txt", "".join(lines).encode())
    for artifact in run.artifacts:
        kind = "figures" if artifact.media_type.startswith("image/") else "files"
        parts = [part for part in artifact.name.split("/") if part not in {"", ".", ".."}]
        _put(folder, "/".join([kind, *parts]), project.objects.read(artifact.digest))


def _put(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
