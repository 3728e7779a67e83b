"""``mlops.yaml``: what people write, read strictly, with line and column in every complaint.

Settings come from the defaults below, then ``mlops.yaml``, then the environment
(``MLOPS_MLFLOW_TRACKING_URI`` for ``mlflow: {tracking_uri: …}``).
"""

from mlops_jupyter.config.gate import (
    Approval,
    Check,
    Compare,
    Custom,
    Drift,
    Evaluate,
    Floor,
    Latency,
    Leakage,
    Looks,
    Model,
    OwnMetric,
    Predictions,
    Reproducible,
    Schema,
    Slices,
)
from mlops_jupyter.config.pipeline import JoinedNotebook, Pipeline, Resources
from mlops_jupyter.config.reading import FILE, json_schema, load
from mlops_jupyter.config.section import NAME, Name, Strict, age_in_seconds, size_in_bytes
from mlops_jupyter.config.settings import (
    CaptureSettings,
    DataSettings,
    Keep,
    MirrorSettings,
    MlflowSettings,
    RemoteSettings,
    Settings,
)
from mlops_jupyter.config.text import add_entry, add_pipeline, change_pipeline, parse

__all__ = [
    "FILE", "NAME", "Approval", "CaptureSettings", "Check", "Compare", "Custom", "DataSettings",
    "Drift", "Evaluate", "Floor", "JoinedNotebook", "Keep", "Latency", "Leakage", "Looks",
    "MirrorSettings", "MlflowSettings", "Model", "Name", "OwnMetric", "Pipeline", "Predictions",
    "RemoteSettings", "Reproducible", "Resources", "Schema", "Settings", "Slices", "Strict",
    "add_entry", "add_pipeline", "age_in_seconds", "change_pipeline", "json_schema", "load",
    "parse", "size_in_bytes",
]  # fmt: skip
