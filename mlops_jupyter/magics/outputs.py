"""What a cell shows: figures, kept as they pass ipykernel's publisher."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from mlops_jupyter.runs.recorder import Figure

IMAGES = ("image/png", "image/svg+xml", "image/jpeg")


class Outputs:
    """What the executing cell has shown so far."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def clear(self) -> None:
        """Begin a new cell."""
        self.figures.clear()

    def see(self, message: dict[str, Any]) -> None:
        """Keep what one message shows."""
        if message["header"]["msg_type"] == "update_display_data":
            return
        data = message["content"].get("data", {})
        kind = next((k for k in IMAGES if k in data), None)
        if kind is not None:
            content = data[kind]
            image = content.encode() if kind == "image/svg+xml" else base64.b64decode(content)
            self.figures.append(Figure(kind, image))


def publishers(shell: Any) -> Iterable[Any]:
    """Return what takes hooks that see each message before it is sent."""
    return [p for p in (shell.display_pub, shell.displayhook) if hasattr(p, "register_hook")]
