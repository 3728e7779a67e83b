"""Masking: credentials are taken out of whatever is about to reach the disk.

What is masked once is remembered, as are the values of environment variables whose names say
that they are secret: wherever they turn up later (an error, a parameter, a query), they are
masked too. A cell with the line ``# mlops: private`` is not written down at all.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

Span = tuple[int, int]

MASK = "‹masked›"
PRIVATE = "# mlops: private"

AGAIN = "set it again to re-execute"
"""How the reasons end for which a run needs its user."""

SHORTEST = 8
"""Characters of a value that is masked wherever it turns up."""

LONGEST_CACHED = 50_000

_ASCII_MASK = "<masked>"  # a bytes literal holds ASCII only
_PRIVATE_LINE = re.compile(r"^[ \t]*#[ \t]*mlops:[ \t]*private[ \t]*\r?$", re.MULTILINE)
_BYTES = re.compile(
    r"(?<![A-Za-z0-9_])(?:b|rb|br)(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')", re.IGNORECASE
)
_SIGNS = (
    "pass", "pwd", "secret", "key", "credential", "token", "auth", "sig=", "signature", "bearer",
    "basic ", "private key", "://", "akia", "asia", "github_pat_", "hf_", "npm_", "aiza", "dapi",
    "ya29.", "sk-", "xox", "glpat", "eyj", "-----",
)  # fmt: skip
_LONG = re.compile(r"[A-Za-z0-9]{16}")
_VARIABLES = ("SECRET", "TOKEN", "PASS", "KEY", "CREDENTIAL", "AUTH", "DSN")
_PLAIN = re.compile(r"[a-z]{1,11}|[0-9]{1,11}|[\d.:,-]+|true|false", re.IGNORECASE)

_known: dict[str, None] = {}
_looked_at: dict[str, str] = {}
_pattern: re.Pattern[str] | None = None
_environment = 0


def is_private(source: str) -> bool:
    """Tell whether a cell asks not to be written down."""
    return "mlops:" in source and _PRIVATE_LINE.search(source) is not None


def masked_source(source: str) -> str:
    """Return the source of a cell without its credentials; most come back as they are.

    The strings that held them stay strings: what was Python is Python.
    """
    _look_at_environment()
    found = _spans(source, is_code=True)
    _remember(source, found)
    text = _without_known(_replaced(source, found) if found else source)
    if text is not source and MASK in text:
        text = _BYTES.sub(lambda m: m[0].replace(MASK, _ASCII_MASK), text)
    return _storable(text)


def masked(text: str) -> str:
    """Return a text without credentials: an error, a URL, a query, a path."""
    found = _spans(text, is_code=False)
    _remember(text, found)
    return _storable(_without_known(_replaced(text, found) if found else text))


def masked_value(name: str, value: Any) -> Any:
    """Return a parameter's value (plain data) without credentials."""
    if isinstance(value, str):
        return MASK if _is_named_secret(name, value) else masked(value)
    if isinstance(value, list | tuple):
        return [masked_value(name, item) for item in value]
    if isinstance(value, dict):
        return {key: masked_value(str(key), item) for key, item in value.items()}
    return value


def masked_bytes(content: bytes) -> bytes:
    """Return a page of text, as UTF-8, without the credentials that are known already."""
    if _pattern is None:
        return content
    text = content.decode(errors="surrogateescape")
    return _without_known(text).encode(errors="surrogateescape")


def why_masked(position: int) -> str:
    """Return why a run with a masked cell cannot be re-executed as it is."""
    return f"a secret in cell {position} is masked: {AGAIN}"


def why_private(position: int) -> str:
    """Return why a run with a private cell cannot be re-executed as it is."""
    return f"cell {position} is private: {AGAIN}"


def _spans(text: str, *, is_code: bool) -> tuple[Span, ...]:
    """Return where credentials stand; most texts give no reason to look at them closely."""
    lower = text.lower()
    if not any(sign in lower for sign in _SIGNS) and _LONG.search(text) is None:
        return ()
    # texts of megabytes are not kept alive
    return (_closely if len(text) < LONGEST_CACHED else _closely.__wrapped__)(text, is_code)


@lru_cache(maxsize=512)
def _closely(text: str, is_code: bool) -> tuple[Span, ...]:
    from mlops_jupyter.runs import credential

    return tuple(credential.spans(text, is_code=is_code))


def _storable(text: str) -> str:
    """Return a text that can be written as UTF-8: a lone half of a character cannot."""
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


def _replaced(text: str, found: tuple[Span, ...]) -> str:
    parts, at = [], 0
    for start, end in found:
        parts += [text[at:start], MASK]
        at = end
    return "".join([*parts, text[at:]])


def _is_named_secret(name: str, value: str) -> bool:
    lower = name.lower()
    if not any(sign in lower for sign in _SIGNS):
        return False
    from mlops_jupyter.runs import credential

    return credential.is_secret(name, value)


def _remember(text: str, found: tuple[Span, ...]) -> None:
    for start, end in found:
        if not text[start:end].replace(" ", "").isalpha():  # words turn up elsewhere too
            _learn(text[start:end])


def _learn(value: str) -> None:
    global _pattern
    value = value.strip()
    if len(value) < SHORTEST or value in _known or _PLAIN.fullmatch(value) or MASK in value:
        return
    in_url, in_json = quote(value, safe="", errors="replace"), json.dumps(value)[1:-1]
    _known.update(dict.fromkeys((value, in_url, in_json)))
    longest_first = sorted(_known, key=len, reverse=True)
    _pattern = re.compile("|".join(map(re.escape, longest_first)))


def _look_at_environment() -> None:
    global _environment
    # the mapping that `os` itself keeps: 2 µs for each cell, in place of 40
    now = hash(frozenset(vars(os.environ)["_data"].items()))
    if now == _environment:
        return
    _environment = now
    for name in os.environ:
        if _may_be_secret(name):
            value = os.environ.get(name, "")
            if _looked_at.get(name) != value:
                _looked_at[name] = value
                if not _is_path(value):
                    _learn(value)


@cache
def _may_be_secret(name: str) -> bool:
    if not any(part in name.upper() for part in _VARIABLES):
        return False
    from mlops_jupyter.runs import credential

    return credential.is_secret_variable(name)


def _is_path(value: str) -> bool:
    try:
        return value[:1] in "/~.\\" and Path(value).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _without_known(text: str) -> str:
    if _pattern is None or _pattern.search(text) is None:
        return text
    return _pattern.sub(MASK, text)
