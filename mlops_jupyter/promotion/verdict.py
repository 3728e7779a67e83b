"""What a check of the project's own says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Word = Literal["pass", "fail", "hold"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of one's own returns to a gate.

    Parameters
    ----------
    verdict : str
        ``pass``, ``fail``, or ``hold``: the evidence does not settle it.
    why : str
        One sentence, with the numbers.
    value : float, optional
        What was judged.
    lower, upper : float, optional
        Its bounds.
    limit : float, optional
        What the value must keep to.

    Raises
    ------
    ValueError
        Another word, no sentence, no number, or a pass by a number that is none (NaN).
    """

    verdict: Word
    why: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Word):
            raise ValueError(f"a verdict is pass, fail or hold, and not {self.verdict!r:.60}")
        if not isinstance(self.why, str) or not self.why.strip():
            raise ValueError("a verdict says why, in one sentence")
        for name in ("value", "lower", "upper", "limit"):
            number = getattr(self, name)
            if number is None:
                continue
            if isinstance(number, str | bytes) or not hasattr(number, "__float__"):
                raise ValueError(f"`{name}` of a verdict is a number, and not {number!r:.60}")
            if self.verdict == "pass" and math.isnan(float(number)):
                raise ValueError(f"`{name}` is NaN, and what is not a number does not pass")
