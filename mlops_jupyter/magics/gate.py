"""``%mlops gate``: what a gate finds, as a card below the cell."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.project import Project


@dataclass(frozen=True, slots=True)
class Asked:
    """What is judged, on which data."""

    model: str
    challenger: str | None
    data: str | None


def asked(words: Sequence[str]) -> Asked | None:
    """Return what the words ask to judge, or None where they ask for what the command does.

    That are its help and its JSON, its files, drafts, and saying that a re-execution judges
    nothing.
    """
    from mlops_jupyter.cli.gate import gate_command
    from mlops_jupyter.cli.main import options_of

    if {"--help", "-h"} & set(words) or os.environ.get("MLOPS_REPRODUCES"):
        return None
    options = options_of(gate_command, list(words))
    about = {name: options.pop(name) for name in ("model", "challenger", "data")}
    return None if any(options.values()) else Asked(**about)


def show(shell: Any, project: Project, what: Asked) -> None:
    """Judge, and show what was found. A gate that fails is a result, not an error."""
    from mlops_jupyter.promotion.evidence import card
    from mlops_jupyter.promotion.evidence.told import told
    from mlops_jupyter.promotion.judging import gate

    found = gate(project, what.model, what.challenger, what.data)
    shell.display_pub.publish(card.bundle(found, told(project, found).next_step))
