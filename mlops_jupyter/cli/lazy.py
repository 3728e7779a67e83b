"""Groups of commands, each of which is imported when it is called."""

from __future__ import annotations

import importlib
import os
from collections.abc import Collection, Mapping
from typing import Any

import click

from mlops_jupyter.errors import NotFoundError


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called.

    Parameters
    ----------
    homes : mapping of str to (str, str)
        Of each command its module, where it is ``NAME_command``, and its line in the help.
    changes : collection of str
        What the cells of a run do not do again when the run is re-executed: it would count.
    """

    def __init__(
        self,
        *values: Any,
        homes: Mapping[str, tuple[str, str]],
        changes: Collection[str] = (),
        **settings: Any,
    ) -> None:
        super().__init__(*values, **settings)
        self.homes = homes
        self.changes = changes

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(self.homes)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.homes:
            return None
        if cmd_name in self.changes and os.environ.get("MLOPS_REPRODUCES"):
            return left_out(f"{ctx.command_path} {cmd_name}")
        command: click.Command = getattr(
            importlib.import_module(self.homes[cmd_name][0]), f"{cmd_name}_command"
        )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say which command may have been meant."""
        if args and args[0] not in self.homes and not args[0].startswith("-"):
            raise NotFoundError("command", args[0], self.homes)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.homes.items()])


def left_out(name: str) -> click.Command:
    """Return a command that only says that it does nothing here."""
    settings = {"ignore_unknown_options": True}

    @click.command(name, context_settings=settings, add_help_option=False)
    @click.argument("words", nargs=-1)
    def command(**_: object) -> None:
        click.echo(f"{name}: left out, this is a re-execution")

    return command
