"""Random numbers that no seed holds: the same run twice would differ."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_jupyter.cells.mention import SEEDING
from mlops_jupyter.pipelines.checks.code import calls_of, path_of
from mlops_jupyter.pipelines.finding import Finding
from mlops_jupyter.pipelines.source import SourceCell
from mlops_jupyter.runs.draws import unseeded_cells

_ESTIMATOR = re.compile(
    r"(?:RandomForest|ExtraTrees?|GradientBoosting|Bagging|AdaBoost|MLP|SGD)"
    r"(?:Classifier|Regressor)|(?:MiniBatch)?KMeans|IsolationForest|RandomizedSearchCV"
    r"|(?:Stratified)?ShuffleSplit"
)
_HINT = "set a seed above, e.g. `np.random.seed(0)`, or give `random_state=0`"


def unseeded(cells: tuple[SourceCell, ...]) -> Iterator[Finding]:
    """Find cells that draw from a random source which no cell has seeded."""
    drawn = unseeded_cells([c.analysis for c in cells], [c.source for c in cells])
    is_seeded = False
    for cell, draw in zip(cells, drawn, strict=True):
        mentions = cell.analysis.mentions
        is_seeded |= not SEEDING.isdisjoint(mentions.words)
        found = dict.fromkeys(mentions.unseeded)
        if draw is not None and draw.rpartition(".")[2] not in found:
            found[draw] = None
        if not is_seeded:
            found |= dict.fromkeys(_estimators(cell))
        if found:
            told = f"draws random numbers without a seed: {', '.join(found)}"
            yield Finding("unseeded", "warning", cell.position + 1, told, _HINT)


def _estimators(cell: SourceCell) -> Iterator[str]:
    for call in calls_of(cell.source):
        name = path_of(call.func).rpartition(".")[2]
        given = {keyword.arg for keyword in call.keywords}
        if _ESTIMATOR.fullmatch(name) and not given & {"random_state", "seed", None}:
            yield f"{name}()"
