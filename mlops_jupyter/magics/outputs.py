"""What a cell shows: figures, plots and tables, kept as they pass ipykernel's publisher.

While the cell runs, only references are kept: bytes are decoded once, when it has ended, and
only of what is still on the page then. What is beyond the limits is counted and costs nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from mlops_jupyter.runs.recorder import Figure, Shown

IMAGES = ("image/png", "image/svg+xml", "image/jpeg")
PLOTS = ("application/vnd.plotly.", "application/vnd.vega")

MOST = 100
"""Outputs that are kept of one execution."""

MOST_NAMED = 1000
"""Outputs with a display id that are remembered, in case they become a figure later."""

MOST_BYTES = 20_000_000
"""Bytes that are kept of one execution, as they came: images are a third smaller then."""


class Outputs:
    """What the executing cell has shown so far.

    Attributes
    ----------
    left_out : int
        How many figures, plots and tables were beyond the limits.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._size = 0
        self._count = 0
        self._kept: dict[int, tuple[str, dict[str, Any]]] = {}
        self._places: dict[str, list[int]] = {}
        self._clears = False
        self._decoded: tuple[Shown, ...] | None = None

    def clear(self) -> None:
        """Begin a new cell."""
        self.left_out = self._size = self._count = 0
        self._kept.clear()
        self._places.clear()
        self._clears = False
        self._decoded = None

    @property
    def shown(self) -> tuple[Shown, ...]:
        """What is on the page, in order, the same content once."""
        if self._decoded is None:
            self._decoded = tuple(self._decode())
        return self._decoded

    @property
    def figures(self) -> list[Figure]:
        """The images among them."""
        return [shown for shown in self.shown if shown.media_type in IMAGES]

    def see(self, message: Mapping[str, Any]) -> None:
        """Keep what one message shows."""
        content = message["content"]
        data = content.get("data")
        if data is None:
            self._see_clear(message)
            return
        kind = _kind(data)
        transient = content.get("transient")
        display_id = transient.get("display_id") if transient else None
        if message["header"]["msg_type"] == "update_display_data":
            for place in self._places.get(str(display_id), ()):
                self._put(place, kind, data)
            return
        if self._clears:
            self.clear()
        if display_id is not None and (kind is not None or len(self._places) < MOST_NAMED):
            self._places.setdefault(display_id, []).append(self._count)
        if kind is not None:
            self._put(self._count, kind, data)
        self._count += 1

    def _put(self, place: int, kind: str | None, data: dict[str, Any]) -> None:
        old_kind, old = self._kept.pop(place, ("", {}))
        self._size -= _size(old.get(old_kind))
        self._decoded = None
        if kind is None:
            return
        size = _size(data[kind])
        if len(self._kept) >= MOST or self._size + size > MOST_BYTES:
            self.left_out += 1
            return
        self._size += size
        self._kept[place] = (kind, data)

    def _decode(self) -> Iterator[Shown]:
        size, seen = 0, set()
        for _, (kind, data) in sorted(self._kept.items(), key=lambda item: item[0]):
            for shown in _decoded(kind, data):
                size += len(shown.content)
                if size <= MOST_BYTES and shown not in seen:
                    seen.add(shown)
                    yield shown

    def _see_clear(self, message: Mapping[str, Any]) -> None:
        # `clear_output(wait=True)` waits for the next output
        if message["header"]["msg_type"] == "clear_output":
            if message["content"].get("wait"):
                self._clears = True
            else:
                self.clear()


def publishers(shell: Any) -> Iterable[Any]:
    """Return what takes hooks that see each message before it is sent."""
    return [p for p in (shell.display_pub, shell.displayhook) if hasattr(p, "register_hook")]


def _kind(data: Mapping[str, Any]) -> str | None:
    """Return the media type that we keep of a message; most have none."""
    for kind in IMAGES:
        if kind in data:
            return kind
    for kind in data:
        if kind.startswith(PLOTS) or (kind == "text/html" and _is_table(data[kind])):
            return str(kind)
    return None


def _is_table(page: Any) -> bool:
    # past the limit it would not be kept, and looking through it takes time
    return isinstance(page, str) and (len(page) > MOST_BYTES or "<table" in page)


def _size(content: Any) -> int:
    # the size of a plot is known only when it is encoded
    return len(content) if isinstance(content, str | bytes) else 0


def _decoded(kind: str, data: Mapping[str, Any]) -> Iterator[Shown]:
    content = data.get(kind)
    if not content:
        return
    if kind == "text/html":
        yield Shown(kind, _text(content))
        if "text/plain" in data:
            yield Shown("text/plain", _text(data["text/plain"]))
    elif kind.startswith("image/"):
        image = _image(kind, content)
        if image is not None:
            yield Shown(kind, image)
    else:
        yield Shown(kind, msgspec.json.encode(content, order="sorted"))


def _image(kind: str, content: Any) -> bytes | None:
    if isinstance(content, bytes):
        return content
    if kind == "image/svg+xml":
        return _text(content)
    try:
        return base64.b64decode(content)
    except (binascii.Error, ValueError, TypeError):
        return None  # some library sent what is no image


def _text(content: Any) -> bytes:
    return str(content).encode(errors="replace")
