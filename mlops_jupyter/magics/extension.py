"""What ``%load_ext mlops_jupyter`` and ``%unload_ext mlops_jupyter`` do."""

from __future__ import annotations

import os
from typing import Any

from mlops_jupyter.kernel.ending import end_in_order
from mlops_jupyter.magics import capture, track
from mlops_jupyter.magics.magic import MlopsMagics


def load(shell: Any) -> None:
    """Register the magics and begin to record; loading twice changes nothing."""
    if capture.current is not None:
        return
    shell.register_magics(MlopsMagics)
    shell.input_transformers_cleanup.append(track.take_off)
    capture.start(shell)
    end_in_order(getattr(shell, "kernel", None))
    if "MLOPS_STEP_RUN" in os.environ:
        from mlops_jupyter.pipelines import asked
        from mlops_jupyter.project import open_project

        asked.listen(open_project(), os.environ["MLOPS_STEP_RUN"])


def unload(shell: Any) -> None:
    """Stop recording."""
    if capture.current is not None and capture.current.tracking is not None:
        capture.current.tracking.leave()
    capture.stop(shell)
    if track.take_off in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(track.take_off)
