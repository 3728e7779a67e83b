"""What compiled code of the user mentions: the names of its functions, at run time."""

from __future__ import annotations

import dis
import types
from functools import lru_cache

ANYTHING = "*"
"""Stands among the names for code that may read any name: ``exec``, ``eval``, ``globals()``."""

_ANY_NAME = frozenset({"exec", "eval", "globals"})


@lru_cache(maxsize=4096)
def names_of(code: types.CodeType) -> frozenset[str]:
    """Return the global names and attributes that code mentions, nested functions included."""
    found = set(code.co_names)
    if found & _ANY_NAME and _loads_any(code):
        found.add(ANYTHING)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= names_of(constant)
    return frozenset(found)


def _loads_any(code: types.CodeType) -> bool:
    # `model.eval()` only mentions an attribute
    return any(
        step.opname in {"LOAD_GLOBAL", "LOAD_NAME"} and step.argval in _ANY_NAME
        for step in dis.get_instructions(code)
    )
