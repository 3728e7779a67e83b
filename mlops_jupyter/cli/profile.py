"""``mlops profile`` and ``mlops data contract``."""

from __future__ import annotations

import io
from pathlib import Path

import click
from rich.table import Table

from mlops_jupyter.cli.show import PAGE_COLUMNS, console, table
from mlops_jupyter.data.contract.report import ContractReport
from mlops_jupyter.data.statistics.column_profile import ColumnProfile, Value
from mlops_jupyter.data.statistics.histogram import bars
from mlops_jupyter.data.statistics.profile import Profile
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import open_project

BLOCKS = "▁▂▃▄▅▆▇█"
BARS = 12
NAME, TYPE, SHOWN = 28, 16, 48
"""Characters of a name, a type and a value that are shown."""

TOP = 3


@click.command("profile")
@click.argument("ref")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def profile_command(ref: str, as_json: bool) -> None:
    """Show each column of the version REF in one line: its distribution, what is missing."""
    from mlops_jupyter import wire
    from mlops_jupyter.data import versions
    from mlops_jupyter.data.statistics import profile

    project = open_project()
    version = versions.resolve(project, ref)
    found = profile.of(project, version.ref)
    if as_json:
        click.echo(wire.encode(found).decode())
        return
    click.echo(heading(version.ref, found))
    if found.columns:
        console().print(_table(found))


@click.command("contract")
@click.argument("ref")
@click.option("--out", type=click.Path(path_type=Path), help="Default: contracts/DATASET.py.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--check", "contract", type=click.Path(path_type=Path), metavar="FILE",
              help="Hold REF against this contract; exit code 1 when it fails.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def contract_command(
    ref: str, out: Path | None, force: bool, contract: Path | None, as_json: bool
) -> int | None:
    """Draft a contract from the version REF, as a pandera file for you to edit."""
    from mlops_jupyter import wire
    from mlops_jupyter.data.contract import contract as contracts

    if contract is not None and (out is not None or force):
        raise UsageError("--check writes nothing: leave out --out and --force")
    project = open_project()
    if contract is None:
        written = contracts.write(project, ref, out, replace=force)
        click.echo(wire.encode(written).decode() if as_json else str(written))
        return None
    report = contracts.check(project, ref, contract)
    click.echo(wire.encode(report).decode() if as_json else _report(report))
    return 0 if report.holds else 1


def heading(ref: str, found: Profile) -> str:
    """Return the line above the columns."""
    count = len(found.columns)
    text = f"{ref} · {found.rows:,} rows × {count:,} column{'s' * (count != 1)}"
    if found.sampled is None:
        return text
    return f"{text} · quantiles, and what has a ~, are from a sample of {found.sampled:,} rows"


def as_text(ref: str, found: Profile) -> str:
    """Return the profile as text, as wide as a page."""
    from rich.console import Console

    if not found.columns:
        return heading(ref, found)
    printer = Console(
        file=io.StringIO(), width=PAGE_COLUMNS + 24, force_jupyter=False, color_system=None,
        markup=False, emoji=False, highlight=False,
    )  # fmt: skip
    with printer.capture() as printed:
        printer.print(_table(found))
    lines = [line.rstrip() for line in printed.get().splitlines() if line.strip()]
    return "\n".join([heading(ref, found), *lines])


def _table(found: Profile) -> Table:
    made = table("column", "type", "missing", "distinct", "", "values")
    for column in made.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    for column in made.columns[2:4]:
        column.justify = "right"
    for one in found.columns:
        made.add_row(
            shown(one.name, NAME), shown(one.type, TYPE), missing(one), distinct(one),
            blocks(one), values(one),
        )  # fmt: skip
    for column in made.columns[1:5]:  # where there is no room, names and values are cut
        column.min_width = max(map(len, [str(column.header), *map(str, column.cells)]))
    return made


def blocks(column: ColumnProfile) -> str:
    """Draw the distribution with blocks; a bar with anything in it is never empty."""
    shares = bars(column, BARS)
    if len(shares) < 2:
        return ""
    high = max(shares)
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round(s / high * top)] if s > 0 else " " for s in shares)


def missing(column: ColumnProfile) -> str:
    """Return the share of missing values, nothing when there are none."""
    if not column.missing:
        return ""
    return "all" if column.missing == column.rows else percent(column.missing / column.rows)


def distinct(column: ColumnProfile) -> str:
    """Return how many different values there are."""
    if column.distinct is None:
        return ""
    if column.distinct_exact:
        return f"{column.distinct:,}"
    return f"~{float(f'{column.distinct:.3g}'):,.0f}"


def values(column: ColumnProfile) -> str:
    """Say what the values are: range and mean, or the most frequent ones."""
    if column.is_personal:
        return f"{', '.join(shown(text, SHOWN) for text in column.examples[:1])} (looks personal)"
    if column.kind == "boolean":
        return " · ".join(f"{text} {_share(column, count)}" for text, count in column.top)
    told = []
    if column.minimum is not None and column.maximum is not None:
        told.append(_between(column))
    if column.kind == "number" and column.mean is not None and column.minimum != column.maximum:
        told.append(f"mean {number(column.mean)}")
    if column.infinite:
        told.append(f"{column.infinite:,} infinite")
    if told:
        return " · ".join(told)
    if column.top:
        about = "" if column.distinct_exact else "~"
        listed = [f"{shown(t, SHOWN)} {about}{_share(column, n)}" for t, n in column.top[:TOP]]
        more = ["…"] if (column.distinct or 0) > TOP else []
        return " · ".join(listed + more)
    return ", ".join(shown(text, SHOWN) for text in column.examples[:TOP])


def percent(share: float) -> str:
    """Return a share as people read it; neither nothing nor all when it is not."""
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{share:.1%}".replace(".0%", "%").replace("%", " %")


def number(value: Value) -> str:
    """Return a number with four digits that count, a time without its zeros."""
    if isinstance(value, str):
        return value.removesuffix("Z").removesuffix("T00:00:00").replace("T", " ")
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return str(int(value)) if abs(value) < 10_000 else f"{int(value):,}"
    return f"{value:,.0f}" if 10_000 <= abs(value) < 1e15 else f"{value:.4g}"


def shown(text: str, most: int) -> str:
    """Return a text on one line, without characters that move the cursor, cut."""
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: most + 1])
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def _between(column: ColumnProfile) -> str:
    low, high = column.minimum, column.maximum
    assert low is not None
    assert high is not None
    unit = " s" if column.type.lower().startswith(("timedelta", "duration")) else ""
    if low == high:
        return number(low) + unit
    return f"{number(low)} … {number(high)}{unit}"


def _share(column: ColumnProfile, count: int) -> str:
    return percent(count / column.counted)


def _report(report: ContractReport) -> str:
    if report.holds:
        return f"{report.ref} holds {report.contract} ({report.rows:,} rows)"
    count = len(report.findings)
    lines = [f"{report.ref} does not hold {report.contract}: {count} finding{'s' * (count != 1)}"]
    for finding in report.findings[:40]:
        where = "" if finding.column is None else f"{shown(finding.column, NAME)}: "
        least = "at least " if finding.at_least else ""
        many = "" if finding.count is None else f", {least}{finding.count:,} values"
        some = ", ".join(shown(text, SHOWN) for text in finding.examples)
        lines.append(f"  {where}{shown(finding.what, 160)}{many}{f': {some}' if some else ''}")
    if count > 40:
        lines.append(f"  … and {count - 40} more")
    return "\n".join(lines)
