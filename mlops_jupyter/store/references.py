"""Which columns of the catalog name objects: what must be kept, and sent along.

A column that the migrations mark "object" stands here; a test compares them.
"""

from __future__ import annotations

OBJECT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("run", "environment_digest"),
    ("run", "model_digest"),
    ("run", "model_example"),
    ("artifact", "digest"),
    ("output", "digest"),
    ("dataset_version", "manifest"),
    ("dataset_version", "profile"),
    ("pipeline_run", "notebook_digest"),
    ("pipeline_run_notebook", "digest"),
    ("step_before", "receives"),
    ("step_run", "receives"),
    ("step_run", "passes"),
    ("step_entry", "passes"),
    ("step_entry_object", "digest"),
    ("model_version", "model_digest"),
    ("evaluation", "scores"),
    ("certificate", "notebook"),
)
"""Table and column. A ``manifest`` names more objects: see `mlops_jupyter.data.reach`."""
