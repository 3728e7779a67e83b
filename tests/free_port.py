"""A port for a server that takes its port as a number."""

from __future__ import annotations

import os
import random
import socket

FIRST, LAST = 20_000, 30_000
"""Below those that systems give to whoever asks for any port: nobody gets one of these by chance
between the choice and the start of the server."""

_chosen = random.Random(os.getpid())  # tests in two processes choose different ones


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens."""
    while True:
        port = _chosen.randrange(FIRST, LAST)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
