"""The contract of a notebook: what its `parameters` cell says of each parameter.

The cell is read as Python reads it, and never run.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_jupyter.cells.scope import UNPARSABLE, python_of
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.annotation import UnknownAnnotationError, kind_of_annotation
from mlops_jupyter.pipelines.convert import UnfitError, convert
from mlops_jupyter.pipelines.kind import NONE, Kind, kind_of
from mlops_jupyter.pipelines.literal import Reference, source_of, text_of, value_of
from mlops_jupyter.pipelines.pipeline import Parameter
from mlops_jupyter.pipelines.source import SourceCell
from mlops_jupyter.quiet import unwarned

_TYPE = re.compile(r"type:\s*(?P<words>.*)")
_OURS = re.compile(r"mlops:|noqa\b|fmt:|pragma:|ruff:|type:\s*ignore\b")
_SECRET = Kind("secret")
_POSSIBLE = "numbers, text, True, False, None, dates, paths, and lists, tuples, sets, dicts of them"


def read_parameters(cell: SourceCell, path: Path) -> tuple[Parameter, ...]:
    """Return the names that the cell binds, in order, with what it says of them.

    Raises
    ------
    UsageError
        A name is bound to something that is computed, or to what its annotation does not allow.
    """
    try:
        code, tree = _parsed(cell.source)
    except UNPARSABLE:
        raise _unreadable(cell, path) from None
    contract = _Contract(cell, path, _comments(code))
    for statement in tree.body:
        contract.read(statement)
    return tuple(contract.found.values())


def fixed_parameters(cell: SourceCell) -> set[str]:
    """Return the parameters whose values cannot change in place, whatever is given for them."""
    return {
        parameter.name
        for parameter in read_parameters(cell, Path())
        if not parameter.kind.may_be("any", "list", "set", "dict", "tuple", "record", "frozenset")
    }


def _parsed(source: str) -> tuple[str, ast.Module]:
    with unwarned():
        try:
            # a `%` or `?` in a comment is no reason to import IPython
            return source, ast.parse(source)
        except SyntaxError:
            code = python_of(source)
            return code, ast.parse(code)


def _unreadable(cell: SourceCell, path: Path) -> UsageError:
    return UsageError(f"{path}: {cell.words} cannot be read", hint="write `name = value` lines")


@dataclass(frozen=True, slots=True)
class _Comments:
    """The comments of a cell, by line, from 1: those after code, and those alone."""

    after: Mapping[int, str]
    alone: Mapping[int, str]

    def help(self, statement: ast.stmt) -> str:
        """Return what the comments say of a statement: after it, or else above it."""
        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        said = [text for line in lines if (text := _without_type(self.after.get(line, "")))]
        if said:
            return " ".join(said)
        above: list[str] = []
        line = statement.lineno - 1
        while line in self.alone:
            above.insert(0, _without_type(self.alone[line]))
            line -= 1
        return " ".join(text for text in above if text)

    def type(self, statement: ast.stmt) -> Iterator[str]:
        """Return what a ``# type:`` comment may say, the longest first."""
        last = statement.end_lineno or statement.lineno
        found = _TYPE.match(self.after.get(last, "") or self.after.get(statement.lineno, ""))
        words = found["words"].split() if found is not None else []
        for end in range(len(words), 0, -1):
            yield " ".join(words[:end])


def _comments(code: str) -> _Comments:
    after: dict[int, str] = {}
    alone: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                text = token.string.lstrip("#").strip()
                where = after if token.line[: token.start[1]].strip() else alone
                where[token.start[0]] = "" if _OURS.match(text) else text
    except (tokenize.TokenError, SyntaxError):
        pass  # it parsed, so that this is the end of a cell that ends in a backslash
    return _Comments(after, alone)


def _without_type(comment: str) -> str:
    """Return a comment without the type that it begins with."""
    found = _TYPE.match(comment)
    if found is None:
        return comment
    words = found["words"].split()
    for end in range(len(words), 0, -1):
        if _annotation(" ".join(words[:end]), {}) is not None:
            return " ".join(words[end:]).lstrip("#").strip()
    return comment


def _annotation(text: str, names: Mapping[str, str]) -> tuple[Kind, str] | None:
    try:
        return kind_of_annotation(ast.parse(text, mode="eval").body, names)
    except (UnknownAnnotationError, ValueError, *UNPARSABLE):
        return None


@dataclass
class _Contract:
    """Reads one statement after the other."""

    cell: SourceCell
    path: Path
    comments: _Comments
    names: dict[str, str] = field(default_factory=dict)
    found: dict[str, Parameter] = field(default_factory=dict)

    def read(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self.read_import(statement)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                self.bind(target, statement.value, statement, None)
        elif isinstance(statement, ast.AnnAssign):
            if statement.value is not None:
                self.bind(statement.target, statement.value, statement, statement.annotation)
        else:
            self.read_other(statement)

    def read_import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for alias in statement.names:
            if alias.name == "*":
                raise _unreadable(self.cell, self.path)
            if isinstance(statement, ast.ImportFrom):
                full = f"{'.' * statement.level}{statement.module or ''}.{alias.name}"
                self.names[alias.asname or alias.name] = full
            elif alias.asname:
                self.names[alias.asname] = alias.name
            else:
                root = alias.name.partition(".")[0]
                self.names[root] = root

    def read_other(self, statement: ast.stmt) -> None:
        """Let what binds no name be; a name that may be bound in other ways has no default."""
        from mlops_jupyter.cells.analysis import analyse

        analysis = analyse(ast.unparse(statement))
        if analysis.opaque:
            raise _unreadable(self.cell, self.path)
        for name in (*analysis.writes, *analysis.deletes):
            raise self.computed(name, statement)

    def bind(
        self, target: ast.expr, value: ast.expr, statement: ast.stmt, annotation: ast.expr | None
    ) -> None:
        if isinstance(target, ast.Name):
            self.found[target.id] = self.parameter(target.id, value, statement, annotation)
            return
        if not isinstance(target, ast.Tuple | ast.List):
            return  # `os.environ["A"] = "1"` binds no name
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        is_even = len(parts) == len(target.elts)
        for position, part in enumerate(target.elts):
            if not is_even or isinstance(part, ast.Starred):
                inner = part.value if isinstance(part, ast.Starred) else part
                raise self.computed(ast.unparse(inner), statement)
            self.bind(part, parts[position], statement, None)

    def parameter(
        self, name: str, value: ast.expr, statement: ast.stmt, annotation: ast.expr | None
    ) -> Parameter:
        try:
            default = value_of(value, self.names)
        except ValueError as error:
            raise self.computed(name, statement, str(error)) from None
        said, about = self.said(name, statement, annotation)
        help_text = self.comments.help(statement) or about
        kind, default = self.typed(name, default, said, statement)
        return Parameter(name, default, kind, help_text)

    def said(
        self, name: str, statement: ast.stmt, annotation: ast.expr | None
    ) -> tuple[Kind | None, str]:
        """Return the kind that is written, if one is, and what it says in words."""
        if annotation is not None:
            try:
                return kind_of_annotation(annotation, self.names)
            except (UnknownAnnotationError, RecursionError):
                return None, ""
            except ValueError as error:
                text = f"the annotation of {name!r}: {error}"
                hint = "mend it, or leave the annotation out"
                raise self.error(text, statement, hint) from None
        for text in self.comments.type(statement):
            if (found := _annotation(text, self.names)) is not None:
                return found
        return None, ""

    def typed(
        self, name: str, default: Any, said: Kind | None, statement: ast.stmt
    ) -> tuple[Kind, Any]:
        """Return the kind of a parameter, and its default as that."""
        if isinstance(default, Reference):
            return _SECRET if said is None else said, default
        try:
            source_of(default)
            kind = kind_of(default) if said is None else said
            if default is None and not kind.may_be("None", "any"):
                # `depth: int = None` is what people write
                return Kind(
                    "union", (*(kind.items if kind.name == "union" else (kind,)), NONE)
                ), None
            return kind, _default(kind, default)
        except (TypeError, UnicodeEncodeError, RecursionError):
            shown = f"{default!r:.60} ({type(default).__name__})"
            text = f"the default of {name!r} is {shown}"
            raise self.error(text, statement, f"{_POSSIBLE} are possible") from None
        except UnfitError as wrong:
            raise self.unfit(name, kind, default, str(wrong), statement) from None

    def unfit(
        self, name: str, kind: Kind, default: Any, reason: str, statement: ast.stmt
    ) -> UsageError:
        if kind.may_be("secret"):
            text = f"{name!r} is a secret, and its default is written in the notebook"
            hint = 'write `"env:NAME"`, the environment variable that holds it, or None'
            return self.error(text, statement, hint)
        text = f"{name!r} is {kind.words}, and its default is {text_of(default):.60}"
        return self.error(text, statement, reason or "change the default or the annotation")

    def computed(self, name: str, statement: ast.stmt, reason: str = "") -> UsageError:
        hint = f"write its default, e.g. `{name} = 1`; computed values go into a cell below"
        text = f"{name!r} is not bound to a literal" + (f": {reason}" if reason else "")
        return self.error(text, statement, hint)

    def error(self, text: str, statement: ast.stmt, hint: str) -> UsageError:
        where = f"{self.path}: {self.cell.words}, line {statement.lineno}"
        return UsageError(f"{where}: {text}", hint=hint)


def _default(kind: Kind, default: Any) -> Any:
    """Return a default as its kind has it; text stays text, it is not read as a number."""
    if not isinstance(default, str) or kind.may_be("secret"):
        return convert(kind, default)
    default.encode()
    if kind.may_be("str", "any"):
        try:
            if kind.bounds is not None and not kind.bounds.hold(default):
                raise UnfitError
        except TypeError:
            raise UnfitError from None
        return default
    if kind.may_be("choice") and default in [c for k in (kind, *kind.items) for c in k.choices]:
        return default
    raise UnfitError
