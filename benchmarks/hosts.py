"""A pipeline on three hosts: network namespaces with addresses of their own, and no shared disk.

    sudo python benchmarks/hosts.py [--notebooks 6] [--seconds 3]

Host 1 has the project, the scheduler and an S3 server; hosts 2 and 3 each have a worker that
sees neither the project nor the files of the other one. One worker is killed while a step runs
on it. Linux, and root.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BRIDGE = "mlopsbr"
HOSTS = {f"mlops{number}": f"10.77.0.{number}" for number in (1, 2, 3)}
FIRST = HOSTS["mlops1"]
PATIENCE_SECONDS = 300


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def network() -> Iterator[None]:
    """Make a bridge and three namespaces on it; take them away at the end."""
    take_away()  # what a run that was killed left
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("link", "set", BRIDGE, "up")
    try:
        for name, address in HOSTS.items():
            ip("netns", "add", name)
            ip("link", "add", f"{name}o", "type", "veth", "peer", "name", f"{name}i")
            ip("link", "set", f"{name}o", "master", BRIDGE, "up")
            ip("link", "set", f"{name}i", "netns", name)
            for words in (
                ("addr", "add", f"{address}/24", "dev", f"{name}i"),
                ("link", "set", f"{name}i", "up"),
                ("link", "set", "lo", "up"),
            ):
                ip("-n", name, *words)
        yield
    finally:
        take_away()


def take_away() -> None:
    """Remove what `network` makes, as far as it is there."""
    for words in (*(("netns", "del", name) for name in HOSTS), ("link", "del", BRIDGE)):
        subprocess.run(["ip", *words], check=False, stderr=subprocess.DEVNULL)


def on(host: str, *command: str, log: Path, own_tmp: bool = False) -> subprocess.Popen[bytes]:
    """Start a command on a host, with a /tmp of its own if it is to share no disk."""
    words = ["ip", "netns", "exec", host]
    if own_tmp:
        script = 'mount -t tmpfs none /tmp && mount -t tmpfs none /var/tmp && exec "$@"'
        words += ["unshare", "--mount", "sh", "-c", script, "sh"]
    with log.open("wb") as file:
        return subprocess.Popen([*words, *command], stdout=file, stderr=file)


def wait_for(what: str, condition: Callable[[], Any]) -> Any:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"waited in vain: {what}")


def notebook(path: Path, *sources: str) -> None:
    cells = [
        {"cell_type": "code", "id": f"c{n}", "execution_count": None, "metadata": {},
         "outputs": [], "source": source}
        for n, source in enumerate(sources)
    ]  # fmt: skip
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4}
    path.write_text(json.dumps({**content, "nbformat_minor": 5}))


def project(folder: Path, notebooks: int, seconds: float) -> None:
    """Write a pipeline: one notebook makes a frame, some work on it, one compares them."""
    names = [f"n{number}" for number in range(notebooks)]
    notebook(
        folder / "first.ipynb",
        "import numpy as np, pandas as pd\nimport mlops_jupyter as mlops",
        "frame = mlops.load('rows@1')\nscale = float(frame.x.mean())",
    )
    for number, name in enumerate(names):
        work = f"import time\ntime.sleep({seconds})\n{name} = float((frame.x * {number}).sum())"
        notebook(folder / f"{name}.ipynb", f"print('{name}')", work)
    notebook(folder / "last.ipynb", f"total = {' + '.join(names)} + scale")
    joined = "".join(f"      {name}: {name}.ipynb\n" for name in ("first", *names, "last"))
    (folder / "mlops.yaml").write_text(
        "version: 1\nremote:\n  url: s3://team/work\n"
        f"  endpoint: http://{FIRST}:5000\n  trust: true\n"
        f"pipelines:\n  spread:\n    notebooks:\n{joined}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notebooks", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    base = Path(tempfile.mkdtemp(prefix="mlops-hosts-", dir="/var/tmp"))
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        with network():
            show(run(base, running, options.notebooks, options.seconds))
    finally:
        for process in running.values():
            process.kill()
        shutil.rmtree(base, ignore_errors=True)


def run(
    base: Path, running: dict[str, subprocess.Popen[bytes]], notebooks: int, seconds: float
) -> dict[str, Any]:
    """Run the pipeline, kill a worker in the middle, and say what came of it."""
    folder = base / "project"
    folder.mkdir()
    project(folder, notebooks, seconds)
    python = sys.executable
    serve = [python, "-m", "moto.server", "-H", FIRST, "-p", "5000"]
    running["s3"] = on("mlops1", *serve, log=base / "s3.log")
    make = (
        "import boto3, time\nfor _ in range(300):\n    try:\n"
        f"        boto3.client('s3', endpoint_url='http://{FIRST}:5000').create_bucket(Bucket='team')"
        "\n        break\n    except Exception:\n        time.sleep(0.1)\n"
        "import numpy as np, pandas as pd, mlops_jupyter as mlops\n"
        f"from mlops_jupyter.project import init\nproject = init({str(folder)!r})\n"
        "from mlops_jupyter.data.snapshot import snapshot\n"
        "snapshot(project, pd.DataFrame({'x': np.arange(50_000.0)}), 'rows')\n"
    )
    made = on("mlops1", python, "-c", make, log=base / "make.log")
    if made.wait(PATIENCE_SECONDS):
        raise SystemExit((base / "make.log").read_text())
    dask = [python, "-m", "dask"]
    scheduler = ["scheduler", "--host", FIRST, "--port", "8786", "--no-dashboard"]
    running["scheduler"] = on("mlops1", *dask, *scheduler, log=base / "scheduler.log")
    address = f"tcp://{FIRST}:8786"
    for host in ("mlops2", "mlops3"):
        worker = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        worker += ["--host", HOSTS[host], "--local-directory", f"/tmp/{host}"]
        running[host] = on(host, *dask, *worker, log=base / f"{host}.log", own_tmp=True)
        wait_for(
            f"{host} is there", lambda log=base / f"{host}.log": "Registered" in log.read_text()
        )
    began = time.monotonic()
    command = [python, "-m", "mlops_jupyter.cli.main", "pipeline", "run", "spread"]
    command += ["--cluster", address]
    script = f"import os; os.chdir({str(folder)!r}); os.execv({python!r}, {command!r})"
    log = base / "run.log"
    running["run"] = on("mlops1", python, "-c", script, log=log)
    # the first notebook is done, and two others run
    wait_for("two notebooks run", lambda: log.read_text().count(" n") >= 2)
    lost = running.pop("mlops2")
    lost.send_signal(signal.SIGKILL)
    status = running["run"].wait(PATIENCE_SECONDS)
    return {"status": status, "seconds": time.monotonic() - began, "log": log.read_text()} | found(
        folder, notebooks
    )


def found(folder: Path, notebooks: int) -> dict[str, Any]:
    """Look whether all is in the project of host 1, as if it had been run there."""
    from mlops_jupyter.project import open_project
    from mlops_jupyter.runs import history

    opened = open_project(folder)
    steps = opened.catalog.rows(
        "SELECT step, step_run.status, why FROM step_run JOIN pipeline_run"
        " ON pipeline_run.id = pipeline_run_id WHERE part_of IS NULL ORDER BY position"
    )
    (whole,) = (one for one in history.page(opened).runs if one.name == "spread")
    expected = sum(range(notebooks)) * 50_000 * 49_999 / 2 + 49_999 / 2
    cells = opened.catalog.rows("SELECT count(*) FROM run_cell WHERE run_id = ?", (whole.id,))
    data = opened.catalog.rows(
        "SELECT dataset, number FROM run_data JOIN dataset_version ON dataset_version.id ="
        " version_id WHERE run_id = ?", (whole.id,),
    )  # fmt: skip
    where = [str(step["why"]).rpartition("tcp://")[2].partition(":")[0] for step in steps]
    return {
        "steps": [
            (step["step"], step["status"], host) for step, host in zip(steps, where, strict=True)
        ],
        "right": whole.metrics.get("total") == expected,
        "cells of the run": cells[0][0],
        "data of the run": sorted({f"{row[0]}@{row[1]}" for row in data}),
    }


def show(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    log = result.pop("log")
    table = Table("", "")
    for what, value in result.items():
        table.add_row(what, f"{value:.1f}" if isinstance(value, float) else str(value))
    Console().print(table)
    is_right = result["status"] == 0 and result["right"]
    if not is_right or any(status != "finished" for _, status, _ in result["steps"]):
        raise SystemExit(log)


if __name__ == "__main__":
    main()
