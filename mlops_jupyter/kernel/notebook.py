"""Which notebook a kernel belongs to, as far as anybody tells it.

=====================  ====================================================================
JupyterLab, Notebook   ``JPY_SESSION_NAME``, at the kernel's start. Of a rename afterwards only
                       the server knows: our server extension writes it to the session's row.
VS Code                ``__vsc_ipynb_file__``, and the id of each cell holds the path of now.
papermill              Our engine says it (``MLOPS_NOTEBOOK``). papermill's own says nothing,
                       unless ``--inject-paths`` is given.
Colab, Kaggle          Nothing. Plain IPython has no notebook.
=====================  ====================================================================
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit

VARIABLE = "MLOPS_NOTEBOOK"
"""In the environment of a kernel that executes a notebook without a server."""

_CODE_SCHEME = "vscode-notebook-cell:"


def path_of(shell: Any) -> str | None:
    """Return the path of the notebook at the kernel's start, or None."""
    space = shell.user_ns
    told = (
        os.environ.get(VARIABLE)
        or _text(space.get("PAPERMILL_INPUT_PATH"))
        or _text(space.get("__vsc_ipynb_file__"))
        or os.environ.get("JPY_SESSION_NAME")
    )
    return told or None


def path_told_with(cell_id: str | None) -> str | None:
    """Return the path that came with an execution, or None: VS Code's ids of cells hold it.

    >>> path_told_with("vscode-notebook-cell:/home/me/my%20study.ipynb#W2sZmlsZQ%3D%3D")
    '/home/me/my study.ipynb'
    """
    if not isinstance(cell_id, str) or not cell_id.startswith(_CODE_SCHEME):
        return None
    path = unquote(urlsplit(cell_id).path)
    # on Windows it is /c:/Users/…
    return (path[1:] if path[2:3] == ":" else path) or None


def _text(value: object) -> str | None:
    return value if type(value) is str else None
