"""Options that say how often a step is tried, how long it may take, how much memory it may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.limits import Limits


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; each wins over what ``mlops.yaml`` says."""
    for option in (
        click.option("--memory", metavar="SIZE", help="What a step may use at most, as 4 GB."),
        click.option("--timeout", metavar="TIME", help="How long a step may take, as 90s or 2h."),
        click.option(
            "--retries", type=int, metavar="N", help="Try a step that failed so often again."
        ),
    ):
        command = option(command)
    return command


def limits_of(options: dict[str, Any]) -> Limits:
    """Take the limits out of the options of a command.

    Raises
    ------
    UsageError
        One is no time, no size, or no number that can be meant.
    """
    from mlops_jupyter.pipelines import limits

    return limits.read(options.pop("retries"), options.pop("timeout"), options.pop("memory"))
