"""The columns that a model is given."""

from __future__ import annotations

from typing import Any

from mlops_jupyter.promotion.case import Case


def features(case: Case, estimator: Any) -> Any:
    """Return the rows as a model that has predicted them takes them.

    Those that it was fitted on (``feature_names_in_``), or all but the label and the id when it
    does not know.
    """
    frame, names = case.rows.frame, getattr(estimator, "feature_names_in_", None)
    if names is not None:
        return frame[list(names)]
    identity = case.policy.evaluate.id
    return frame.loc[:, [str(column) != identity for column in frame.columns]]
