"""What the file of every CI system needs to know of a project."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

REPORT = "mlops-report"
"""The folder of the evidence, at the top of the checkout whatever folder the project lies in."""

DECISION = "MLOPS_DECISION"
"""The variable that says which decision is approved."""

ABOUT = "Written by `mlops ci init {system}`. Change it as you like; `--force` writes it again."

HOLD, WAITING = 3, 4
"""Exit codes that are an answer, and no error: undecided, and waiting for an approval."""

SAID = {
    HOLD: "undecided: the evidence does not settle it, and the champion stays",
    WAITING: "waiting for an approval: the champion stays until somebody approves",
}


@dataclass(frozen=True, slots=True)
class Job:
    """A model that a CI system releases.

    Attributes
    ----------
    model, pipeline : str
    branch : str
        From which it is released; what others propose is judged only.
    python : str
        ``3.12``.
    packages : str
        Words of `pip install`.
    folder : str
        Where the project lies in its repository; empty: it is the whole of it.
    secrets : tuple of str
        Variables of the environment without which nothing works.
    more_secrets : tuple of str
        Those that are needed by some.
    has_store : bool
        Whether ``mlops.yaml`` names a shared store.
    """

    model: str
    pipeline: str
    branch: str
    python: str
    packages: str
    folder: str = ""
    secrets: tuple[str, ...] = ()
    more_secrets: tuple[str, ...] = ()
    has_store: bool = True

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """The variables that come from the secrets of the CI system."""
        return (*self.secrets, *self.more_secrets)

    @property
    def release(self) -> tuple[str, ...]:
        """The commands that train, judge and promote."""
        return (f'mlops release {word(self.model)} --report "$report"',)

    @property
    def after(self) -> tuple[str, ...]:
        """What follows a release: which decision it was, for whoever approves just that one."""
        named = f"import json; print('{DECISION}=' + json.load(open('decision.json'))['id'])"
        return (
            'if [ -f "$report/decision.json" ]; then',
            f'  (cd "$report" && python -c "{named}" > decision.env)',
            "fi",
        )

    @property
    def gate(self) -> tuple[str, ...]:
        """The commands that train and judge, and move nothing."""
        # the last line tells of the whole run, and which one it was: others may be newer
        run = "import json, sys; print(json.loads(list(sys.stdin)[-1])['run']['run_id'])"
        return (
            f'mlops pipeline run {word(self.pipeline)} --json > "$report.jsonl"',
            f'run=$(python -c "{run}" < "$report.jsonl")',
            f'mlops gate {word(self.model)} --challenger "$run" --report "$report"',
        )

    @property
    def approve(self) -> tuple[str, ...]:
        """The commands with which whoever runs them approves what waits, and promotes it."""
        # the newest, where whoever approves does not say which
        which = f'${{{DECISION}:+--decision "${DECISION}"}}'
        return (
            f"mlops approve {word(self.model)} {which}",
            f'mlops promote {word(self.model)} {which} --report "$report"',
        )


def word(text: str) -> str:
    """Quote one word of a shell, so that no CI system finds an expression of its own in it.

    ``$(x)`` is a variable of Azure, ``${{ x }}`` an expression of GitHub and Azure, ``<< x >>``
    one of CircleCI: to the shell, two quotes in between are nothing.
    """
    quoted = shlex.quote(text)
    return re.sub(r"\$(?=[({\[])|<(?=<)", lambda found: f"{found[0]}''", quoted)


def setting(job: Job) -> list[str]:
    """Return the lines that every script begins with."""
    return [f"cd -- {word(job.folder)}"] if job.folder else []


def install(job: Job) -> str:
    """Return the script that installs what the project needs."""
    return _script([*setting(job), f"python -m pip install {job.packages}"])


def script(
    job: Job,
    commands: Sequence[str],
    end: Iterable[str] = (),
    *,
    before: Iterable[str] = (),
    is_kept: bool = True,
) -> str:
    """Return a script of a POSIX shell, run with ``-e``: the commands, and the exit code of them.

    What other jobs did is brought first, and what this one did is sent even where the gate says
    no: the decision is a record.

    Parameters
    ----------
    job : Job
    commands : sequence of str
        Each follows only when the one before it succeeded.
    end : iterable of str, optional
        What the system makes of ``$ended``. Default: it is the exit code.
    before : iterable of str, optional
        Lines between the folder of the report and the commands.
    is_kept : bool, default True
        Whether what was done is sent to the shared store.
    """
    lines = [
        f'report="$PWD/{REPORT}"',
        'rm -rf "$report"  # of a build before',
        *before,
        *setting(job),
        _shared(job, "mlops pull"),
        "ended=0",
        *_guarded(commands),
    ]
    if is_kept:
        lines.append(_shared(job, "mlops push || mlops push || ended=$?"))
    return _script([*lines, *(end or ['exit "$ended"'])])


def _shared(job: Job, command: str) -> str:
    if job.has_store:
        return command
    # `mlops.yaml` names no shared store: perhaps the environment does
    return f'if [ -n "${{MLOPS_REMOTE_URL-}}" ]; then {command}; fi'


def _guarded(commands: Sequence[str]) -> list[str]:
    if len(commands) == 1:
        return [f"{commands[0]} || ended=$?"]
    return ["{", "  " + " &&\n  ".join(commands), "} || ended=$?"]


def unset(names: Iterable[str]) -> list[str]:
    """Return the lines that make nothing of secrets which are not set: they come as empty text."""
    listed = list(names)
    if not listed:
        return []
    return [
        f"for name in {' '.join(listed)}; do",
        '  [ -n "${!name-}" ] || unset "$name"',
        "done",
    ]


def cases(said: dict[int, str], code: str = "ended") -> list[str]:
    """Return the lines that do something for some exit codes, and keep the others."""
    return [
        f'case "${code}" in',
        *(f"  {number}) {line}; exit 0 ;;" for number, line in said.items()),
        "esac",
        f'exit "${code}"',
    ]


def _script(lines: Iterable[str]) -> str:
    return "\n".join(line for line in lines if line) + "\n"
