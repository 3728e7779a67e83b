"""Nouns of the models layer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """An immutable trained artifact of one run."""

    model: str
    version: int
    run_id: str
    model_digest: str
    registered_at: str
