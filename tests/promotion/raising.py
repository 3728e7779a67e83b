"""A model whose code fails, and one that takes its time: pickled with their code."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class RaisingModel(ClassifierMixin, BaseEstimator):
    """Raises when it predicts."""

    classes_ = np.array([0, 1])

    def predict(self, _: Any) -> Any:
        raise KeyError("hour")


class WaitingModel(ClassifierMixin, BaseEstimator):
    """Says so when it predicts, and waits for a signal."""

    classes_ = np.array([0, 1])

    def predict(self, _: Any) -> Any:
        sys.stdout.write("predicting\n")
        sys.stdout.flush()
        while True:  # a signal that comes just before a long wait would be seen after it only
            time.sleep(0.01)
