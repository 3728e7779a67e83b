"""A process on a disk that takes no more."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

from mlops_jupyter.errors import ExternalError

BEGIN = f"import signal; signal.signal({int(signal.SIGXFSZ)}, signal.SIG_IGN)\n"


def fails(code: str, *arguments: str, largest: int, cwd: Path | None = None) -> str:
    """Run Python whose files may not grow beyond so many bytes, and return what it prints.

    That is the same path in our code as a full disk. It must end as `ExternalError` does, and
    say why.
    """
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code, *arguments],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)),
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )
    assert done.returncode == ExternalError.exit_code, done.stderr
    said = done.stdout + done.stderr
    assert "File too large" in said
    return said
