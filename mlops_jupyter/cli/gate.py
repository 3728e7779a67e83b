"""``mlops gate``: judge a version of a model, or draft what it must pass."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.cli.evidence import Evidence, evidence_options, lenient
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import open_project


@click.command("gate")
@click.argument("model")
@click.option(
    "--challenger", metavar="VERSION|RUN",
    help="What is judged: a version, or a run, whose model becomes the next version."
    " Default: the newest.",
)  # fmt: skip
@click.option("--data", metavar="NAME@VERSION", help="Evaluate on this dataset version.")
@evidence_options
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
@click.option("--init", "is_init", is_flag=True, help="Write a draft of MODEL into mlops.yaml.")
@click.option("--from", "run", metavar="RUN", help="With --init. Default: the newest with a model.")
@click.option("--label", metavar="COLUMN", help="With --init: the column that is predicted.")
@click.option("--print", "is_printed", is_flag=True, help="With --init: show the draft, only.")
def gate_command(
    model: str,
    challenger: str | None,
    data: str | None,
    folder: Path | None,
    warn_only: bool,
    as_json: bool,
    is_init: bool,
    run: str | None,
    label: str | None,
    is_printed: bool,
) -> int:
    """Judge a version of MODEL by the checks of mlops.yaml. Nothing is moved.

    It and the champion are scored on the same rows. Exit code 0: it passed, 1: it failed,
    3: the rows do not settle it, 5: a check raised.
    """
    if is_init or is_printed:
        if challenger or folder or warn_only or as_json:
            raise UsageError("--init judges nothing: it takes --from, --data, --label and --print")
        return _draft(model, run, data, label, is_printed=is_printed)
    if run or label:
        raise UsageError("--from and --label go with --init", hint="`--challenger` names a run")
    return _judge(Evidence(model, folder), challenger, data, warn_only=warn_only, as_json=as_json)


def _judge(
    evidence: Evidence, challenger: str | None, data: str | None, *, warn_only: bool, as_json: bool
) -> int:
    from mlops_jupyter import wire
    from mlops_jupyter.cli.judged import code_of, show_told
    from mlops_jupyter.promotion.judging import gate

    with evidence.written():
        evidence.project = open_project()
        evidence.decision = gate(evidence.project, evidence.model, challenger, data)
    if as_json:
        click.echo(wire.encode(evidence.decision).decode())
    else:
        show_told(evidence.told())
    return lenient(code_of(evidence.decision), warn_only=warn_only)


def _draft(
    model: str, run: str | None, data: str | None, label: str | None, *, is_printed: bool
) -> int:
    from mlops_jupyter.promotion.drafting.draft import check_new, draft, write

    project = open_project()
    if not is_printed:
        check_new(project, model)
    made = draft(project, model, run, data, label)
    if is_printed:
        click.echo(made.text, nl=False)
    else:
        click.echo(f"{write(project, made)}: the model {model!r}, from run {made.run_id[:8]}")
        judge = f"mlops gate {model} --challenger {made.run_id[:8]}"
        click.echo(f"read it, change what does not fit, then: `{judge}`")
    for warning in made.warnings:
        click.echo(f"warning: {warning}", err=True)
    return 0
