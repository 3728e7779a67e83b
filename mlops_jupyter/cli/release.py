"""``mlops release``: train, judge, promote."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.cli.evidence import Evidence, evidence_options, lenient
from mlops_jupyter.cli.parameters import pairs_option
from mlops_jupyter.project import open_project


@click.command("release")
@click.argument("model")
@pairs_option("A parameter of the model's pipeline; repeatable.")
@click.option("--data", metavar="NAME@VERSION", help="Evaluate on this dataset version.")
@evidence_options
def release_command(
    model: str,
    parameters: tuple[tuple[str, str], ...],
    data: str | None,
    folder: Path | None,
    warn_only: bool,
) -> int:
    """Train, evaluate, gate and promote MODEL, or say in one table why not.

    Runs the model's pipeline, scores the result and the champion on the same rows, and gives
    the alias `champion` to the result if it passes every check of mlops.yaml.
    """
    from mlops_jupyter.cli.judged import WAITING, code_of, show_told
    from mlops_jupyter.cli.progress import shown
    from mlops_jupyter.promotion.release import release

    evidence = Evidence(model, folder)
    with evidence.written():
        evidence.project = open_project()
        with shown() as progress:
            made = release(evidence.project, model, dict(parameters), data, progress)
        evidence.decision, evidence.waiting = made.decision, made.waiting
    show_told(evidence.told())
    code = WAITING if made.waiting is not None else code_of(made.decision)
    return lenient(code, warn_only=warn_only)
