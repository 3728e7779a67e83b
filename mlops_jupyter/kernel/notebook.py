"""Which notebook a kernel belongs to."""

from __future__ import annotations

import os
from typing import Any


def path_of(shell: Any) -> str | None:
    """Return the path of the notebook: Jupyter Server tells it at the kernel's start."""
    told = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    return str(told) if told else None
