"""Mirrors that are killed at random moments, one after the other, until nothing waits.

Forked from one process that has imported MLflow, which alone takes 3 seconds.
``python killed_mirror.py FOLDER SEED LONGEST_SECONDS`` prints how many were killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import mlflow.sklearn
import sklearn.linear_model
import skops.io

from mlops_jupyter.project import open_project
from mlops_jupyter.runs import history, mirror, mlflow_run


def main(folder: Path, seed: int, longest_seconds: float) -> None:
    # imported here once, not in each child
    assert all((mlflow_run.Copier, mlflow.sklearn, skops.io, sklearn.linear_model))
    moments = random.Random(seed)
    killed = 0
    while history.waiting(open_project(folder))[0]:
        child = os.fork()
        if child == 0:
            mirror.drain(open_project(folder))
            os._exit(0)
        time.sleep(moments.uniform(0, longest_seconds))
        longest_seconds *= 1.25  # or a slow machine never gets a run done
        os.kill(child, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
