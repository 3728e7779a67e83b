"""Predicates over rows, as SQL writes them: ``customer_id = 7 and name in ('Ada', 'Grace')``.

The grammar is small on purpose, and nothing in a predicate is ever executed::

    predicate   = term {"or" term}
    term        = factor {"and" factor}
    factor      = "not" factor | "(" predicate ")" | test
    test        = column ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") literal
                | column ["not"] "in" "(" literal {"," literal} ")"
                | column ["not"] "between" literal "and" literal
                | column "is" ["not"] "null"
    column      = word | "any name" | `any name`
    literal     = number | 'text' | "text" | "true" | "false"

As in SQL, a comparison with a missing value is neither true nor false.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

import msgspec

from mlops_jupyter.errors import UsageError

LONGEST = 10_000
"""Characters of a predicate."""

DEEPEST = 100
"""Brackets inside one another."""

Value = bool | int | Decimal | str

Op = Literal["=", "!=", "<", "<=", ">", ">=", "is null"]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<word>[^\W\d]\w*)
      | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?(?![\w.]))
      | (?P<single>'(?:[^']|'')*')
      | (?P<double>"(?:[^"]|"")*")
      | (?P<tick>`(?:[^`]|``)*`)
      | (?P<sign><>|<=|>=|!=|==|[=<>(),])
    )""",
    re.VERBOSE,
)

_HINT = "write it as in SQL: customer_id = 7 and name in ('Ada', 'Grace')"

_SIGNS: dict[str, Op] = {
    "=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip


class Comparison(msgspec.Struct, frozen=True):
    """A comparison of a column with a value; `value` None is for ``is null``."""

    column: str
    op: Op
    value: Value | None = None


class Not(msgspec.Struct, frozen=True):
    """True where the part is false."""

    part: Predicate


class AllOf(msgspec.Struct, frozen=True):
    """True where all parts are."""

    parts: tuple[Predicate, ...]


class AnyOf(msgspec.Struct, frozen=True):
    """True where one of the parts is."""

    parts: tuple[Predicate, ...]


Predicate = Comparison | Not | AllOf | AnyOf


def parse(text: str) -> Predicate:
    """Read a predicate.

    Raises
    ------
    UsageError
        It is none: it says where it stops being one.
    """
    if len(text) > LONGEST:
        raise UsageError(f"a predicate of {len(text):,} characters is too long", hint=_HINT)
    return _Parser(text).whole()


def comparisons(predicate: Predicate) -> Iterator[Comparison]:
    """Walk the comparisons of a predicate, from left to right."""
    if isinstance(predicate, Comparison):
        yield predicate
    elif isinstance(predicate, Not):
        yield from comparisons(predicate.part)
    else:
        for part in predicate.parts:
            yield from comparisons(part)


def columns(predicate: Predicate) -> tuple[str, ...]:
    """Return the names of the columns that it asks, each once."""
    return tuple(dict.fromkeys(one.column for one in comparisons(predicate)))


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    start: int

    def says(self, *words: str) -> bool:
        """Whether it is one of these signs or, in any case, words."""
        return self.kind in {"sign", "word"} and self.text.lower() in words


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._read())
        self._place = 0
        self._depth = 0

    def whole(self) -> Predicate:
        found = self._any()
        if self._next.kind != "end":
            raise self._wrong("and, or")
        return found

    def _read(self) -> Iterator[_Token]:
        place = 0
        text = self._text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                place += len(text[place:]) - len(text[place:].lstrip())
                raise UsageError(
                    f"not a predicate: {text[place : place + 20]!r} at character {place + 1}",
                    hint=_HINT,
                )
            kind = str(found.lastgroup)
            yield _Token(kind, found[kind], found.start(kind))
            place = found.end()
        yield _Token("end", "", len(text))

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _skip(self, *words: str) -> bool:
        if self._next.says(*words):
            self._place += 1
            return True
        return False

    def _want(self, word: str) -> None:
        if not self._skip(word):
            raise self._wrong(word)

    def _wrong(self, wanted: str) -> UsageError:
        token = self._next
        what = f"{token.text[:40]!r} at character {token.start + 1}" if token.text else "the end"
        return UsageError(f"not a predicate: {what}, where {wanted} should be", hint=_HINT)

    def _any(self) -> Predicate:
        parts = [self._all()]
        while self._skip("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Predicate:
        parts = [self._factor()]
        while self._skip("and"):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _factor(self) -> Predicate:
        self._depth += 1
        if self._depth > DEEPEST:
            raise UsageError("not a predicate: too many brackets or nots", hint=_HINT)
        try:
            if self._skip("not"):
                return Not(self._factor())
            if self._skip("("):
                found = self._any()
                self._want(")")
                return found
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> Predicate:
        column = self._column()
        if self._skip("is"):
            negated = self._skip("not")
            self._want("null")
            return _maybe_not(Comparison(column, "is null"), negated=negated)
        negated = self._skip("not")
        if self._skip("in"):
            self._want("(")
            values = [self._literal()]
            while self._skip(","):
                values.append(self._literal())
            self._want(")")
            return _maybe_not(
                AnyOf(tuple(Comparison(column, "=", v) for v in values)), negated=negated
            )
        if self._skip("between"):
            low = self._literal()
            self._want("and")
            parts = (Comparison(column, ">=", low), Comparison(column, "<=", self._literal()))
            return _maybe_not(AllOf(parts), negated=negated)
        if negated or self._next.text not in _SIGNS:
            raise self._wrong("in, between" if negated else "=, <>, <, >, in, between, is null")
        op = _SIGNS[self._take().text]
        return Comparison(column, op, self._literal())

    def _column(self) -> str:
        token = self._next
        if token.kind == "word" and token.text.lower() not in _RESERVED:
            return self._take().text
        if token.kind in {"double", "tick"}:
            return _unquoted(self._take().text)
        raise self._wrong("a column")

    def _literal(self) -> Value:
        token = self._next
        if token.kind in {"single", "double"}:
            return _unquoted(self._take().text)
        if token.kind == "number":
            self._take()
            number = Decimal(token.text)
            return int(token.text) if token.text.lstrip("+-").isdigit() else number
        if token.says("true", "false"):
            return self._take().text.lower() == "true"
        if token.says("null"):
            raise UsageError("not a predicate: nothing equals null", hint="write `is null`")
        raise self._wrong("a number, 'text', true or false")


_RESERVED = {"and", "or", "not", "in", "is", "null", "between", "true", "false"}


def _maybe_not(part: Predicate, *, negated: bool) -> Predicate:
    return Not(part) if negated else part


def _unquoted(text: str) -> str:
    mark = text[0]
    return text[1:-1].replace(mark * 2, mark)
