"""The notebook is the pipeline.

In a notebook: ``%load_ext mlops_jupyter``, then ``%%track NAME`` on top of a cell and
``%snapshot df --name train``. In a terminal: ``mlops --help``.

Everything heavy is imported by the verb that needs it: importing this package, and
``%load_ext``, import none of mlflow, papermill, nbformat, jsonschema, pandas, scikit-learn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_jupyter.data.api import checkout, diff, export, load, profile, snapshot, tag, untag
    from mlops_jupyter.pipelines.api import checkpoint, sweep
    from mlops_jupyter.project import init, open_project
    from mlops_jupyter.promotion.api import approve, gate, promote, release, rollback, why
    from mlops_jupyter.promotion.verdict import Verdict
    from mlops_jupyter.provenance.api import lineage
    from mlops_jupyter.reproduction.api import reproduce
    from mlops_jupyter.runs.api import (
        log_artifact,
        log_figure,
        log_metric,
        log_param,
        log_params,
        track,
    )
    from mlops_jupyter.runs.query import read_sql
    from mlops_jupyter.sharing.api import fetch, pull, push
    from mlops_jupyter.upkeep.api import erase, gc, verify


__all__ = [
    "Verdict",
    "approve",
    "checkout",
    "checkpoint",
    "diff",
    "erase",
    "export",
    "fetch",
    "gate",
    "gc",
    "init",
    "lineage",
    "load",
    "log_artifact",
    "log_figure",
    "log_metric",
    "log_param",
    "log_params",
    "open_project",
    "profile",
    "promote",
    "pull",
    "push",
    "read_sql",
    "release",
    "reproduce",
    "rollback",
    "snapshot",
    "sweep",
    "tag",
    "track",
    "untag",
    "verify",
    "why",
]

_HOMES = {
    "Verdict": "mlops_jupyter.promotion.verdict",
    "approve": "mlops_jupyter.promotion.api",
    "checkout": "mlops_jupyter.data.api",
    "checkpoint": "mlops_jupyter.pipelines.api",
    "diff": "mlops_jupyter.data.api",
    "erase": "mlops_jupyter.upkeep.api",
    "export": "mlops_jupyter.data.api",
    "fetch": "mlops_jupyter.sharing.api",
    "gate": "mlops_jupyter.promotion.api",
    "gc": "mlops_jupyter.upkeep.api",
    "init": "mlops_jupyter.project",
    "lineage": "mlops_jupyter.provenance.api",
    "load": "mlops_jupyter.data.api",
    "log_artifact": "mlops_jupyter.runs.api",
    "log_figure": "mlops_jupyter.runs.api",
    "log_metric": "mlops_jupyter.runs.api",
    "log_param": "mlops_jupyter.runs.api",
    "log_params": "mlops_jupyter.runs.api",
    "open_project": "mlops_jupyter.project",
    "profile": "mlops_jupyter.data.api",
    "promote": "mlops_jupyter.promotion.api",
    "pull": "mlops_jupyter.sharing.api",
    "push": "mlops_jupyter.sharing.api",
    "read_sql": "mlops_jupyter.runs.query",
    "release": "mlops_jupyter.promotion.api",
    "reproduce": "mlops_jupyter.reproduction.api",
    "rollback": "mlops_jupyter.promotion.api",
    "snapshot": "mlops_jupyter.data.api",
    "sweep": "mlops_jupyter.pipelines.api",
    "tag": "mlops_jupyter.data.api",
    "track": "mlops_jupyter.runs.api",
    "untag": "mlops_jupyter.data.api",
    "verify": "mlops_jupyter.upkeep.api",
    "why": "mlops_jupyter.promotion.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def load_ipython_extension(shell: Any) -> None:
    """Start recording in this kernel: ``%load_ext mlops_jupyter``."""
    from mlops_jupyter.magics.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Stop recording: ``%unload_ext mlops_jupyter``."""
    from mlops_jupyter.magics.extension import unload

    unload(shell)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from mlops_jupyter.server.app import MlopsApp

    return [{"module": "mlops_jupyter.server", "app": MlopsApp}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "mlops-jupyter"}]
