"""``mlops``: every verb as a command. Parses, calls one function, shows the answer.

Each group of commands has a module of its own, imported when it is called, so that
``mlops --help`` stays fast.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from mlops_jupyter.cli.lazy import LazyGroup
from mlops_jupyter.errors import MlopsError

COMMANDS = {
    "init": ("mlops_jupyter.cli.project", "Make a project of a folder."),
    "runs": ("mlops_jupyter.cli.project", "List the recorded runs."),
    "show": ("mlops_jupyter.cli.project", "Show one run, with the cells that made it."),
    "reproduce": ("mlops_jupyter.cli.reproduce", "Execute a run again, and compare."),
    "diff": ("mlops_jupyter.cli.reproduce", "Show the difference of two runs, or data versions."),
    "status": ("mlops_jupyter.cli.status", "Say whether notebooks are reproducible, and why."),
    "sync": ("mlops_jupyter.cli.project", "Copy finished runs to MLflow, now."),
    "ui": ("mlops_jupyter.cli.project", "Open MLflow's own UI on this project."),
    "snapshot": ("mlops_jupyter.cli.data", "Keep a version of a file."),
    "keep": ("mlops_jupyter.cli.data", "Keep a file that a run read."),
    "checkout": ("mlops_jupyter.cli.checkout", "Put a kept file or folder into a folder."),
    "import": ("mlops_jupyter.cli.importing", "Bring the versions of a DVC repository."),
    "data": ("mlops_jupyter.cli.data", "List, tag, export and erase data versions."),
    "profile": ("mlops_jupyter.cli.profile", "Show the columns of a data version, drawn small."),
    "lineage": ("mlops_jupyter.cli.lineage", "Where something came from, and what came of it."),
    "push": ("mlops_jupyter.cli.share", "Send data versions and runs to the shared store."),
    "pull": ("mlops_jupyter.cli.share", "Bring data versions and runs from the shared store."),
    "fetch": ("mlops_jupyter.cli.share", "Bring objects that are missing here."),
    "gc": ("mlops_jupyter.cli.care", "Remove what nothing needs any more."),
    "verify": ("mlops_jupyter.cli.care", "Find what is damaged, and who suffers from it."),
    "pipeline": ("mlops_jupyter.cli.pipeline", "Build and run pipelines."),
    "export": ("mlops_jupyter.cli.exporting", "Write a pipeline for Airflow, Docker and others."),
    "gate": ("mlops_jupyter.cli.gate", "Judge a version of a model, or draft its policy."),
    "release": ("mlops_jupyter.cli.release", "Train, evaluate, gate and promote a model."),
    "promote": ("mlops_jupyter.cli.promote", "Make the version that a gate judged champion."),
    "approve": ("mlops_jupyter.cli.promote", "Say yes to a version that waits for it."),
    "rollback": ("mlops_jupyter.cli.promote", "Give the alias back to the champion before."),
    "why": ("mlops_jupyter.cli.decisions", "Why a version is champion, or was refused."),
    "decisions": ("mlops_jupyter.cli.decisions", "List what was decided, or verify the records."),
    "ci": ("mlops_jupyter.cli.ci", "Write the pipeline file of a CI system."),
}


CHANGES = {
    "approve", "fetch", "gate", "gc", "import", "init", "keep", "pipeline", "promote", "pull",
    "push", "reproduce", "release", "rollback", "sync", "ui",
}  # fmt: skip
"""What the cells of a run do not do again when the run is re-executed: it would count."""


@click.group(
    cls=LazyGroup,
    homes=COMMANDS,
    changes=CHANGES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="mlops-jupyter")
def cli() -> None:
    """The notebook is the pipeline: runs, data versions, pipelines, gated promotion."""


def options_of(
    command: click.Command, words: list[str], *, lenient: bool = False
) -> dict[str, Any]:
    """Parse the words of one command as the whole command line does, and do not run it.

    A command keeps the first help option that it was asked for: a context of its own, without
    our settings, would take ``-h`` away from it for as long as the process lives.

    Parameters
    ----------
    command : click.Command
    words : list of str
    lenient : bool
        Whether what is missing or wrong is passed over.
    """
    settings = {**cli.context_settings, "resilient_parsing": lenient}
    return command.make_context(command.name, list(words), **settings).params


def main(arguments: list[str] | None = None) -> Any:
    """Run one command and exit with the code that the table in the README gives it.

    A command returns its exit code when the answer is "no" or "undecided" (None is 0).
    """
    # without an answer MLflow's client tries for four minutes: 7 times, twice as long each time
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    try:
        code = cli.main(args=arguments, prog_name="mlops", standalone_mode=False)
    except MlopsError as error:
        click.echo(f"error: {error}", err=True)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
