"""The routes of models: what there is, and deciding who is champion.

Who decides says what they have seen. When that is not so any more the answer is 409, so that
nobody agrees to what they have not read.
"""

from __future__ import annotations

from mlops_jupyter import wire
from mlops_jupyter.project import Project
from mlops_jupyter.server.route import Route


class ModelsRoute(Route):
    """``models``: all models, their champions and the decisions on them."""

    def answer(self, project: Project, *names: str) -> wire.Models:
        """List models."""
        from mlops_jupyter.promotion import history

        return wire.Models(models=history.summaries(project))


ROUTES: tuple[tuple[str, type[Route]], ...] = (("models", ModelsRoute),)
