"""A pipeline as an Airflow DAG (https://airflow.apache.org), for Airflow 2.4 and later, and 3.

The file needs nothing but Airflow and the command ``mlops``. All that comes from the notebook
stands in it as Python literals, and reaches the command as arguments, never through a shell or
a template.
"""

from __future__ import annotations

import ast
from pprint import pformat
from typing import Any

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.export.shape import Input, Shape, ids

NOT_AN_ID = r"[^A-Za-z0-9_.-]"
"""Of a DAG or a task; dots and dashes are taken."""

_FORMATS = frozenset({"date"})
"""Those that Airflow shows a field for, and that defaults always satisfy."""


def dag(shape: Shape, cron: str | None = None) -> str:
    """Return the file of a DAG: one task for each step, and the parameters of the pipeline.

    Parameters
    ----------
    shape : Shape
    cron : str, optional
        When it runs, in UTC. Default: when somebody starts it.
    """
    names = ids((task.step for task in shape.tasks), NOT_AN_ID)
    tasks = {
        names[task.step]: {
            "step": task.step,
            "after": [names[one] for one in task.before],
            "retries": task.retries,
            "limit_seconds": task.limit_seconds,
        }
        for task in shape.tasks
    }
    dag_id = ids([shape.pipeline], NOT_AN_ID)[shape.pipeline][:250]
    parameters = {one.name: _schema(one) for one in shape.inputs}
    header = f"""PIPELINE = {literal(shape.pipeline)}
DAG_ID = {literal(dag_id)}
SCHEDULE = {literal(cron)}
PROJECT = os.environ.get("MLOPS_PROJECT", {literal(str(shape.root))})
MLOPS = shlex.split(os.environ.get("MLOPS_COMMAND", "mlops"))
TASKS = {literal(tasks)}
PARAMETERS = {literal(parameters)}
"""
    return f"{_ABOVE}\n{header}\n\n{_BELOW}"


def literal(value: Any) -> str:
    """Return a value as Python source, over several lines where it is long.

    Raises
    ------
    UsageError
        There is no literal of it, such as of an infinity.
    """
    text = pformat(value, width=96, sort_dicts=False)
    try:
        if ast.literal_eval(text) == value:
            return text
    except (ValueError, SyntaxError):
        pass
    raise UsageError(f"{value!r:.80} cannot be written down as a literal")


def _schema(one: Input) -> dict[str, Any]:
    """Return the JSON Schema of a parameter, as Airflow checks it."""
    made = _known(one.schema)
    if one.has_default:
        return {**made, "default": one.schema["default"]}
    # every parameter of a DAG that runs by itself needs one: null stands for the notebook's own
    return {"anyOf": [{"type": "null"}, made], "default": None}


def _known(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_known(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value if key == "enum" else _known(value)
        for key, value in schema.items()
        if key != "default" and (key != "format" or value in _FORMATS)
    }


_ABOVE = '''\
"""A pipeline of notebooks as an Airflow DAG: one task for each step.

Each task runs `mlops pipeline run PIPELINE --to STEP`: steps before it are known by then, and
taken. All workers must see the folder of the project. MLOPS_PROJECT in the environment says
where it lies, MLOPS_COMMAND how `mlops` is called there.

Written by `mlops pipeline export`: write it again rather than change it.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    from airflow.sdk import DAG, Param, task
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 2, or 3.0
    from airflow.exceptions import AirflowException, AirflowFailException

    try:
        from airflow.sdk import DAG, Param, task
    except ImportError:
        from airflow import DAG
        from airflow.decorators import task
        from airflow.models.param import Param
'''

_BELOW = '''\
WORTH_ANOTHER_TRY = 7  # no kernel, no worker, no network; all else would fail again


def run(step, given):
    """Run the pipeline up to a step, with its log as that of the task."""
    kept = {
        name: value
        for name, value in given.items()
        if name in PARAMETERS and (value is not None or PARAMETERS[name]["default"] is not None)
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "parameters.json")
        file.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
        command = [*MLOPS, "pipeline", "run", PIPELINE, "--to", step, "--params", str(file)]
        with subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as running:
            try:
                for line in running.stdout:
                    print(line, end="", flush=True)
            except BaseException:
                running.send_signal(signal.SIGINT)
                raise
    if running.returncode == WORTH_ANOTHER_TRY:
        raise AirflowException(f"{step}: ended with {running.returncode}")
    if running.returncode:
        raise AirflowFailException(f"{step}: ended with {running.returncode}")


def make(task_id, told):
    """Make the task of a step."""
    limit = told["limit_seconds"]

    @task(
        task_id=task_id,
        retries=told["retries"],
        execution_timeout=None if limit is None else timedelta(seconds=limit),
    )
    def step(params=None):
        run(told["step"], dict(params or {}))

    return step()


with DAG(
    dag_id=DAG_ID,
    schedule=SCHEDULE,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,  # all runs of a pipeline write the same files
    params={name: Param(**told) for name, told in PARAMETERS.items()},
    tags=["mlops"],
):
    made = {task_id: make(task_id, told) for task_id, told in TASKS.items()}
    for task_id, told in TASKS.items():
        for before in told["after"]:
            made[before] >> made[task_id]
'''
