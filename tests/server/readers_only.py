"""A server on which people may look, and not act."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth import Authorizer


class ReadersOnly(Authorizer):
    """Lets everybody read and write, and nobody execute."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return action != "execute"
