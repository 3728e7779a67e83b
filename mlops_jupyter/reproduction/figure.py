"""Whether two figures show the same: by their pixels, or by what an SVG draws."""

from __future__ import annotations

import io
import re
from typing import Any

_ID = re.compile(rb'(?<=[\s"#(])(?:[A-Za-z]+_?)?[0-9a-f]{8,}(?=[")])')
_DATE = re.compile(rb"<dc:date>[^<]*</dc:date>|<!--.*?-->", re.DOTALL)


def apart(recorded: bytes, found: bytes, media_type: str) -> float | None:
    """Return how far two figures are apart: the share of their pixels that differ.

    Returns
    -------
    float or None
        0 when they show the same; 1 when their sizes differ, or for other than pixels; None
        when no library here can read them and their bytes differ.
    """
    if recorded == found:
        return 0.0
    if media_type == "image/svg+xml":
        return float(_without_ids(recorded) != _without_ids(found))
    one, other = _pixels(recorded), _pixels(found)
    if one is None or other is None:
        return None
    if one.shape != other.shape:
        return 1.0
    return float((one != other).any(axis=-1).mean())


def _without_ids(svg: bytes) -> bytes:
    """Number the ids in the order of their appearance: matplotlib makes them by chance."""
    order: dict[bytes, bytes] = {}

    def numbered(match: re.Match[bytes]) -> bytes:
        return order.setdefault(match[0], b"id-%d" % len(order))

    return _ID.sub(numbered, _DATE.sub(b"", svg))


def _pixels(content: bytes) -> Any:
    """Return the pixels of an image, or None when nothing here can read it."""
    try:
        import numpy as np
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGBA"))
    except (UnidentifiedImageError, OSError, ValueError):
        return None
