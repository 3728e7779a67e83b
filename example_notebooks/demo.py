"""The study as a person would do it: notebooks, months, releases, in a fresh copy of this folder.

    python demo.py --into build/demo       do it all: a minute or two
    python demo.py --summary build/demo    show again how it ended

Every command is shown as it is typed and run as it is shown. The exit code is 0 only when each
step ends as the story tells it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
NOT_COPIED = shutil.ignore_patterns(
    "demo.py", "executed", ".mlops", ".ipynb_checkpoints", "__pycache__"
)
STORY = ["promote v1", "promote v2", "promote v3", "rollback v2", "reject v4"]
MONTHS = ["", "January", "February", "March", "April", "May", "June", "July", "August",
          "September", "October", "November", "December"]  # fmt: skip

PROGRAMS = {
    "mlops": [sys.executable, "-m", "mlops_jupyter.cli.main"],
    "papermill": [sys.executable, "-m", "papermill"],
    "python": [sys.executable],
}

console = Console(highlight=False, soft_wrap=True)


class Unexpected(Exception):
    """A step did not end as the story tells it."""


@dataclass
class Demo:
    """One telling of the story, in a folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: quiet(os.environ))

    def tell(self, title: str, text: str) -> None:
        """Say what comes next, and why."""
        console.print(f"\n[bold]{title}[/bold]\n{text}")

    def run(self, command: str, ends_with: int = 0) -> None:
        """Run a command in the project, and check its exit code."""
        self._show(command)
        done = subprocess.run(words_of(command), cwd=self.folder, env=self.environment, check=False)
        if done.returncode != ends_with:
            raise Unexpected(f"`{command}` ended with {done.returncode}, not {ends_with}")

    def ask(self, command: str) -> Any:
        """Return what a command prints as JSON."""
        done = subprocess.run(
            words_of(command), cwd=self.folder, env=self.environment, check=True, text=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        return json.loads(done.stdout)

    def execute(self, notebook: str, **parameters: object) -> None:
        """Execute a notebook by papermill; of what papermill says, only where it is."""
        output = f"executed/{notebook}"
        given = "".join(f" -p {key} {value}" for key, value in parameters.items())
        command = f"papermill {notebook} {output}{given}"
        self._show(command)
        began = time.monotonic()
        with subprocess.Popen(
            [*words_of(command), "--progress-bar"], cwd=self.folder, env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stderr is not None
            said, cells = follow(process.stderr)
        if process.returncode:
            console.print(said, markup=False)
            raise Unexpected(f"`{command}` failed; so far: {self.folder / output}")
        console.print(f"{cells} cells, {time.monotonic() - began:.0f} s: {output}")

    def _show(self, command: str) -> None:
        console.print(f"\n[bold cyan]$[/bold cyan] [bold]{escaped(command)}[/bold]")
        sys.stdout.flush()


def story(demo: Demo) -> None:
    """Tell it from the first look at the data to the last decision."""
    demo.tell("A project", "What belongs to it is written in mlops.yaml.")
    demo.run("mlops init")

    demo.tell(
        "February 2013: a first look",
        "Which flights will be late? Three models are tried, each one a tracked run.",
    )
    demo.execute("1_explore.ipynb")
    demo.run("mlops runs --sort auc")

    demo.tell(
        "March: the first model",
        "It learns from January and February, and must pass the floors on March.",
    )
    demo.run("python months.py 3")
    release(demo, 1, 2)

    demo.tell(
        "July: the winter model falls behind",
        "A challenger learns from May and June. Both are scored on the flights of July.",
    )
    demo.run("python months.py 7")
    release(demo, 5, 6)

    demo.tell(
        "September: the next challenger",
        "It is a little worse than the champion, but all of the interval is within the margin.",
    )
    demo.run("python months.py 9")
    release(demo, 7, 8)

    demo.tell("October: was that right?", "All versions so far are scored on the new month.")
    demo.execute("2_months_arrive.ipynb", until=10)
    demo.run("mlops runs -n 1")
    auc = demo.ask("mlops runs -n 1 --json")["runs"][0]["metrics"]
    if not auc["auc_v3"] < auc["auc_v2"]:
        raise Unexpected("v3 is not worse than v2 on October, so there is no reason to go back")

    demo.tell("A rollback", "v3 does worse than v2, which it has replaced. Back, in seconds.")
    reason = f"auc on flights@10: v2 {auc['auc_v2']:.4f}, v3 {auc['auc_v3']:.4f}"
    demo.run(f'mlops rollback delays --reason "{reason}"')

    demo.tell(
        "A challenger is refused",
        "It has learned from August and September. One failed check is enough (exit code 1);\n"
        "and the gate names the airport at which it does worst.",
    )
    release(demo, 8, 9, ends_with=1)
    demo.run("mlops why delays@4")

    demo.tell("The record", "The same story with its figures is in the last notebook.")
    demo.run("mlops decisions delays")
    demo.run("mlops decisions verify")
    demo.execute("3_release.ipynb")
    demo.run("mlops sync")


def release(demo: Demo, first: int, last: int, ends_with: int = 0) -> None:
    """Release a model that has learned from two months."""
    months = f"[flights@{first}, flights@{last}]"
    demo.run(f'mlops release delays -p train_on "{months}"', ends_with=ends_with)


def check(decisions: list[dict[str, Any]]) -> None:
    """Compare what was decided with the story."""
    made = [f"{d['kind']} v{d['to_version']}" for d in reversed(decisions)]
    if made != STORY or any(d["state"] != "applied" for d in decisions):
        raise Unexpected(f"decided was {', '.join(made)}; the story is {', '.join(STORY)}")


def summarise(folder: Path) -> None:
    """Print how it ended: the decisions, and where to look."""
    decisions = Demo(folder).ask("mlops decisions delays --json")
    check(decisions)
    shown = Table(box=SIMPLE_HEAD, title="How it ended", title_justify="left", pad_edge=False)
    for column in ("", "judged on", "auc", "champion's", "decision", "why"):
        shown.add_column(column, justify="right" if column in {"auc", "champion's"} else "left")
    for decision in reversed(decisions):
        shown.add_row(*row_of(decision))
    wide = console.width if console.is_terminal else 120
    Console(width=min(wide, 120), highlight=False).print("\n", shown, sep="")
    tools = Path(sys.executable).parent
    place = os.path.relpath(folder)
    console.print(
        f"""
champion now      v{champion_of(decisions)}, for whoever asks MLflow for models:/delays@champion
read on           {place}/executed/: the notebooks as they were executed
in JupyterLab     make lab
in MLflow's UI    cd {place} && {shlex.quote(str(tools / "mlops"))} ui
""".rstrip()
    )


def row_of(decision: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a decision as a row of the summary."""
    colour, word = {
        "promote": ("green", "promoted"),
        "reject": ("red", "refused"),
        "rollback": ("yellow", "rolled back to"),
    }[decision["kind"]]
    said = f"[{colour}]{word}[/{colour}] v{decision['to_version']}"
    report = decision["report"]
    if report is None:
        return "October", "", "", "", said, escaped(decision["reason"])
    auc = next(c for c in report["checks"] if c["check"].startswith("roc_auc not worse"))
    champion = "" if auc["champion"] is None else f"{auc['champion']:.4f}"
    month = MONTHS[int(report["data"].partition("@")[2])]
    reason = escaped(decision["reason"])
    return month, report["data"], f"{auc['challenger']:.4f}", champion, said, reason


def champion_of(newest_first: list[dict[str, Any]]) -> int:
    """Return the version that the last promotion or rollback made champion."""
    return next(int(d["to_version"]) for d in newest_first if d["kind"] != "reject")


def follow(stream: Any) -> tuple[str, int]:
    """Show papermill's progress on one line; return all that it said, and how many cells."""
    said, cells = "", 0
    while piece := stream.read(64):
        said += piece
        at = re.findall(r"(\d+)/(\d+) \[", said[-300:])
        if at:
            cells = int(at[-1][1])
            if console.is_terminal:
                sys.stdout.write(f"\rcell {at[-1][0]} of {cells} ")
                sys.stdout.flush()
    if console.is_terminal:
        sys.stdout.write("\r\x1b[K")
    return said, cells


def words_of(command: str) -> list[str]:
    """Return what is executed: the programs of this Python, wherever the PATH leads."""
    name, *arguments = shlex.split(command)
    return [*PROGRAMS[name], *arguments]


def quiet(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing from outside reaches the demo."""
    own = {k: v for k, v in environment.items() if not k.startswith(("MLOPS_PROJECT", "MLFLOW_"))}
    return {
        **own,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # one thread is enough for these models, and on a busy machine ten times as fast as two
        "OMP_NUM_THREADS": "1",
    }


def escaped(text: str) -> str:
    """Return text that rich prints as it is."""
    return text.replace("[", "\\[")


def fresh(folder: Path) -> None:
    """Copy the study into an empty folder; an older demo there is thrown away.

    In place, because MLflow writes absolute paths: a project cannot be moved.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "executed").is_dir() or not (folder / "mlops.yaml").is_file():
            sys.exit(f"{folder}: not empty, and not a demo; give another folder")
        shutil.rmtree(folder)
    shutil.copytree(HERE, folder, ignore=NOT_COPIED, dirs_exist_ok=True)
    (folder / "executed").mkdir()


def main() -> int:
    """Tell the story, or show how it ended."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--into", type=Path, metavar="FOLDER", help="do it all in this folder")
    what.add_argument("--summary", type=Path, metavar="FOLDER", help="show how it ended")
    asked = parser.parse_args()
    began = time.monotonic()
    try:
        if asked.into is not None:
            folder = asked.into.resolve()
            fresh(folder)
            story(Demo(folder))
            summarise(folder)
            console.print(f"\nAll of it took {time.monotonic() - began:.0f} s.")
        else:
            summarise(asked.summary.resolve())
    except Unexpected as error:
        console.print(f"\n[bold red]The demo did not end as told:[/bold red] {escaped(str(error))}")
        return 1
    except KeyboardInterrupt:
        console.print("\ninterrupted")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
