"""The parameters of a pipeline on the command line: ``-p name=value``, and what ``--help`` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.pipelines.literal import Reference, text_of
from mlops_jupyter.pipelines.pipeline import Parameter

Command = TypeVar("Command", bound=Callable[..., Any])

_JOINED = re.compile(r"(?:-p|--parameter=)(?P<pair>[^=]+=.*)", re.DOTALL)
_ARGUMENTS = "mlops_jupyter.cli.parameters.arguments"


class RunCommand(click.Command):
    """Takes ``-p KEY VALUE`` and ``-p KEY=VALUE``; its help lists the pipeline's parameters."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the pairs apart."""
        args = list(_apart(args))
        ctx.meta[_ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the parameters of the pipeline that is named."""
        name = self._name(ctx)
        if name is None:
            return
        from mlops_jupyter.pipelines.form import parameters_of
        from mlops_jupyter.project import open_project

        try:
            notebook, parameters = parameters_of(open_project(), name)
        except MlopsError as error:
            formatter.write_paragraph()
            formatter.write_text(f"The parameters of {name} cannot be listed: {error.message}")
            return
        with formatter.section(f"Parameters of {name} ({notebook})"):
            if not parameters:
                formatter.write_text("none")
            else:
                formatter.write_dl([_definition(*line) for line in lines_of(parameters)])

    def _name(self, ctx: click.Context) -> str | None:
        try:
            found, _, _ = self.make_parser(ctx).parse_args(list(ctx.meta[_ARGUMENTS]))
        except click.UsageError:
            return None
        name = found.get("name")
        return name if isinstance(name, str) else None


def pairs_option(text: str) -> Callable[[Command], Command]:
    """Return the option that takes parameters one by one; `text` is its line in the help."""
    return click.option(
        "-p", "--parameter", "parameters", type=(str, str), multiple=True, metavar="KEY VALUE",
        help=text,
    )  # fmt: skip


def file_option(text: str) -> Callable[[Command], Command]:
    """Return the option that takes a file of parameters; `text` is its line in the help."""
    return click.option(
        "--params", "file", type=click.Path(path_type=Path), metavar="FILE", help=text
    )


def content(file: Path | None) -> dict[str, Any]:
    """Return the parameters of a file, if one is given."""
    if file is None:
        return {}
    from mlops_jupyter.pipelines.given import read_file

    return dict(read_file(file))


def lines_of(parameters: Sequence[Parameter]) -> Iterator[tuple[str, str, str, str, str]]:
    """Give of each parameter its name, type, default, what is allowed, and the help."""
    for parameter in parameters:
        kind = parameter.kind
        yield parameter.name, kind.text, default_of(parameter), kind.allowed, parameter.help


def default_of(parameter: Parameter) -> str:
    """Return a default as it is shown, short, and masked when it is a secret."""
    from mlops_jupyter.pipelines.parameters import is_secret
    from mlops_jupyter.runs.secret import MASK

    if isinstance(parameter.default, Reference):
        return repr(parameter.default)
    if is_secret(parameter.name, parameter.default):
        return MASK
    text = text_of(parameter.default)
    return text if len(text) <= 60 else text[:59] + "…"


def _definition(name: str, kind: str, default: str, allowed: str, about: str) -> tuple[str, str]:
    limits = f", {allowed}" if allowed else ""
    text = f"{kind}{limits}; default: {default}"
    return name, f"{about}  [{text}]" if about else f"[{text}]"


def _apart(arguments: list[str]) -> Iterator[str]:
    """Write ``-p KEY=VALUE`` as ``-p KEY VALUE``."""
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            yield from [word, *waiting]
            return
        found = _JOINED.fullmatch(word)
        if found is not None and word not in {"-p", "--parameter"}:
            yield from ["-p", *found["pair"].split("=", 1)]
        elif word in {"-p", "--parameter"} and waiting:
            yield word
            key, sign, value = waiting.pop(0).partition("=")
            yield key
            if sign:
                yield value
            elif waiting:
                yield waiting.pop(0)
        else:
            yield word
