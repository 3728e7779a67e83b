"""A model whose code fails, and one that takes its time: pickled with their code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class RaisingModel(ClassifierMixin, BaseEstimator):
    """Raises when it predicts."""

    classes_ = np.array([0, 1])

    def predict(self, _: Any) -> Any:
        raise KeyError("hour")


class WaitingModel(ClassifierMixin, BaseEstimator):
    """Opens the pipe of ``TEST_PIPE`` when it predicts, and waits until the writer closes it."""

    classes_ = np.array([0, 1])

    def predict(self, features: Any) -> Any:
        with Path(os.environ["TEST_PIPE"]).open() as waiting:
            waiting.read()
        return np.zeros(len(features), int)
