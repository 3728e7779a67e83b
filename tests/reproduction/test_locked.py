"""``--env lock``: the packages of the run, in an environment of their own."""

from __future__ import annotations

from importlib import metadata

import pytest
from msgspec.structs import replace

from mlops_jupyter.errors import ExternalError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.reproduction.locked import locked
from mlops_jupyter.reproduction.reproduce import reproduce
from mlops_jupyter.runs import environment, history
from mlops_jupyter.runs.environment import Environment
from mlops_jupyter.runs.run import Run
from tests.reproduction.conftest import Session


def captured(project: Project, run_id: str) -> Environment:
    digest = history.get(project, run_id).environment_digest
    assert digest is not None
    return environment.decode(project.objects.read(digest))


def rewrite(project: Project, run_id: str, made: Environment) -> Run:
    """Let a run have been recorded with another environment."""
    digest = project.objects.write(environment.encode(made))
    with project.catalog.transaction() as rows:
        rows.execute("UPDATE run SET environment_digest = ? WHERE id = ?", (digest, run_id))
    return history.get(project, run_id)


def in_use(captured: Environment) -> dict[str, str]:
    """Return the distributions whose modules were imported."""
    providers = metadata.packages_distributions()
    found = {d for module in captured.modules for d in providers.get(module, ())}
    names = {name.replace("_", "-").lower() for name in found}
    return {name: captured.installed[name] for name in sorted(names & set(captured.installed))}


@pytest.mark.slow
def test_just_the_packages_of_the_run_are_there(offline: Project, session: Session) -> None:
    run_id = session(
        "import importlib.util",
        "%%track lone\nfound = 1 + 0 * bool(importlib.util.find_spec('pandas'))",
    )
    now = captured(offline, run_id)
    small = in_use(now)
    assert "pandas" not in small
    rewrite(offline, run_id, replace(now, installed=small))
    made = reproduce(offline, run_id, environment="lock")
    assert (made.verdict, made.environment, made.reason) == ("exact", "lock", None)
    again = captured(offline, str(made.reproduction_id))
    assert {k: v for k, v in again.installed.items() if k in small} == {
        k: v for k, v in small.items() if k in again.installed
    }
    assert "pandas" not in again.installed


def test_a_package_that_cannot_be_had_is_named(offline: Project, session: Session) -> None:
    run_id = session("%%track lone\nx = 1 + 1")
    now = captured(offline, run_id)
    run = rewrite(offline, run_id, replace(now, installed={"no-such-package-anywhere": "1.0"}))
    with pytest.raises(ExternalError, match=r"1 packages of the run .*no-such-package-anywhere"):
        locked(offline, run)
    assert not list((offline.folder / "environments").glob("*/complete"))


def test_another_python_must_be_on_this_machine(offline: Project, session: Session) -> None:
    run_id = session("%%track lone\nx = 1 + 1")
    run = rewrite(offline, run_id, replace(captured(offline, run_id), python="3.4.1"))
    with pytest.raises(UsageError, match=r"python3\.4 is not on this machine"):
        locked(offline, run)


def test_a_run_without_an_environment_is_refused(offline: Project, session: Session) -> None:
    run_id = session("%%track lone\nx = 1 + 1")
    with offline.catalog.transaction() as rows:
        rows.execute("UPDATE run SET environment_digest = NULL")
    with pytest.raises(UsageError, match="recorded no environment"):
        reproduce(offline, run_id, environment="lock")
