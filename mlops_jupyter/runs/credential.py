"""What a credential looks like in a cell or in a text: where each one stands.

Two looks: our own patterns (``password = "…"``, ``://user:…@``), and, only where something
looks like a token, the formats that detect-secrets knows (https://github.com/Yelp/detect-secrets,
importing it takes 0.15 s). Its entropy detectors are left out: they take every digest and every
id for a secret.

Every pattern is bounded, so that no text makes it slow.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

Span = tuple[int, int]

LONGEST_BLOCK = 20_000
"""Characters of a private key."""

STRONG = r"pass(?:word|wd|phrase|code)|(?<![a-z])(?:pwd|pass)(?![a-z])"
MEDIUM = (
    r"secret(?!ar)|(?:api|access|account|auth|client|encryption|master|private|service|signing)"
    r"[_-]?key|credential"
)
WEAK = r"token|(?<![a-z])(?:key|auth|sig|signature)(?![a-z])"

_NAME = (
    rf"(?:(?P<strong>{STRONG})|(?P<medium>{MEDIUM})|(?P<weak>{WEAK}))"
    r"(?P<rest>s?(?:[_-]?\w{1,30})?)"
)
_LITERAL = (
    r"""(?P<quote>\"{3}|'{3}|"|')(?P<value>(?:\\.|(?!(?P=quote))[^\\\n]){1,4000})(?P=quote)"""
)

_NAMED = re.compile(
    rf"""{_NAME}["'\]]{{0,3}}[ \t]*(?::[ \t]*[\w.\[\]|]{{1,60}}[ \t]*)?(?:=>?(?!=)|:)\s{{0,9}}"""
    rf"""(?:\w{{0,20}}(?:secret|str|bytes)\w{{0,20}}\()?(?P<prefix>[rbuf]{{0,2}}){_LITERAL}""",
    re.IGNORECASE,
)
"""``password = "…"``, ``connect(api_key="…")``, ``{"token": "…"}``, ``SecretStr("…")``."""

_DEFAULT = re.compile(
    rf"""(?:getenv|putenv|setenv|environ\.\w{{3,10}})\(\s{{0,9}}["']\w{{0,60}}?{_NAME}["']"""
    rf"""\s{{0,9}},\s{{0,9}}(?P<prefix>[rbuf]{{0,2}}){_LITERAL}""",
    re.IGNORECASE,
)
"""``os.getenv("PASSWORD", "…")``."""

_BARE_VALUE = r"""(?P<value>(?:\\.|[^\s;&,"'`<>(){}\\]){4,2000})"""
_BARE = re.compile(rf"{_NAME}=(?P<prefix>){_BARE_VALUE}", re.IGNORECASE)
"""``password=…`` in a connection string, in a URL, on a line of the shell."""

_OPTION = re.compile(rf"--?\w{{0,20}}?-?{_NAME}[ =](?P<prefix>){_BARE_VALUE}", re.IGNORECASE)
"""``--password …`` on a line of the shell."""

_SET = re.compile(
    r"^[ \t]*(?:[%!]?[ \t]*export|%(?:set_)?env)[ \t]+(?P<name>\w{1,100})[= ][\"']?"
    r"(?P<value>[^\s\"']{8,4000})",
    re.MULTILINE,
)
"""``%env NAME=…`` and ``export NAME=…``."""

_URL = re.compile(r"""://[^\s:/@"'<>]{0,200}:(?P<value>[^\s/@"'<>{}\\]{1,500})@""")
_HEADER = re.compile(
    r"\b(?:Bearer|Basic|token)[ ]{1,2}(?P<value>[\w\-.+/=~]{16,4000})", re.IGNORECASE
)
_BLOCK = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")
_FORMATS = re.compile(
    r"(?<![A-Za-z0-9])(?P<value>github_pat_\w{22,255}|hf_[A-Za-z0-9]{30,60}|npm_[A-Za-z0-9]{36}"
    r"|AIza[\w-]{35}|dapi[0-9a-f]{32}|ya29\.[\w-]{20,500}|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|glpat-[\w-]{20,60}|eyJ[\w-]{10,2000}\.[\w-]{10,8000}(?:\.[\w-]{10,2000})?)"
)
_LIKELY = re.compile(
    r"(?<![A-Za-z0-9])(?P<value>sk-(?:ant-|proj-|or-)?[\w-]{20,250}|xox[a-z]-[\w-]{10,250})"
)
"""Formats that detect-secrets 1.5 does not know, or knows only in part."""

_LONG = re.compile(r"[A-Za-z0-9]{12,}")
_LONGER = re.compile(r"[A-Za-z0-9]{16,}")
_HEX = re.compile(r"[0-9a-f]+")
_TURN = re.compile(r"[0-9](?=[A-Za-z])|[A-Za-z](?=[0-9])")
_ABOUT = re.compile(
    r"[_-]?(?:name|id|path|file|field|column|col|label|prompt|env|var|url|uri|pattern|regex|type"
    r"|length|len|size|count|policy|hint|index|func|fn|error|message|title)s?",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"[<\[{$%].*|(?:your|my|some|enter|insert|put)[ _-].*|.*(?:\.{3}|\*{3}|xxxx|example).*"
    r"|none|null|true|false|(.)\1*|.*[‹<]masked[›>].*|.*[:?][ ]*",
    re.IGNORECASE | re.DOTALL,
)
_SHELL = re.compile(r"^[ \t]*[%!][^\n]*", re.MULTILINE)
_SHELL_CELL = re.compile(
    r"\s*%%(?:bash|sh|script|writefile|file|sql|system|sx|cmd|perl|ruby|html|!)\b"
)
_VARIABLE = re.compile(
    r"(?:^|_)(?:\w*SECRETS?|\w*TOKENS?|\w*PASSWORD|PASSWD|PASSPHRASE|PASS|\w*KEY|KEYS"
    r"|CREDENTIALS?|AUTH|DSN)(?:_|$)",
    re.IGNORECASE,
)
_LITERAL_OR_COMMENT = re.compile(
    r"#[^\n]*|\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}"
    r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'",
    re.DOTALL,
)
_DETECTORS = (
    "artifactory", "aws", "azure_storage_key", "cloudant", "discord", "github_token",
    "gitlab_token", "ibm_cloud_iam", "ibm_cos_hmac", "jwt", "mailchimp", "npm", "openai",
    "pypi_token", "sendgrid", "slack", "softlayer", "square_oauth", "stripe", "telegram_token",
    "twilio",
)  # fmt: skip


def spans(text: str, *, is_code: bool) -> list[Span]:
    """Return where the credentials of a text stand, in order, without overlaps.

    Parameters
    ----------
    text : str
    is_code : bool
        It is a cell: there, ``password=value`` outside of strings names a variable.
    """
    found = [*_named(text), *_bare(text, _places(text) if is_code else [(0, len(text))])]
    found += [m.span("value") for m in _URL.finditer(text) if not _is_empty(m["value"])]
    found += [m.span("value") for m in _FORMATS.finditer(text) if re.search(r"\d", m["value"])]
    for pattern in (_LIKELY, _HEADER):
        found += [m.span("value") for m in pattern.finditer(text) if is_random(m["value"])]
    found += _blocks(text)
    lines = {_line(text, m.start()) for m in _LONGER.finditer(text) if _could_be_token(m[0])}
    for line in sorted(lines):
        found += _detected(text, line)
    return _merged(found)


def is_secret(name: str, value: str) -> bool:
    """Tell whether a value of this name is a credential: ``password``, ``api_key``."""
    named = re.search(_NAME, name, re.IGNORECASE)
    return named is not None and _counts(named, value)


def is_random(text: str) -> bool:
    """Tell whether a part of a text looks drawn by lot: letters and digits in turn."""
    return any(len(_TURN.findall(part)) >= 3 for part in _LONG.findall(text))


def _named(text: str) -> Iterator[Span]:
    for pattern in (_NAMED, _DEFAULT):
        for match in pattern.finditer(text):
            is_template = "f" in match["prefix"].lower() and "{" in match["value"]
            if not is_template and _counts(match, match["value"]):
                yield match.span("value")


def _bare(text: str, places: list[Span]) -> Iterator[Span]:
    for start, end in places:
        for pattern in (_BARE, _OPTION):
            for match in pattern.finditer(text, start, end):
                if _counts(match, match["value"]):
                    yield match.span("value")
        for match in _SET.finditer(text, start, end):
            if is_secret_variable(match["name"]) and not _is_empty(match["value"]):
                yield match.span("value")


def _counts(match: re.Match[str], value: str) -> bool:
    """Tell whether a value is worth hiding, by how clearly its name says so."""
    if _is_empty(value):
        return False
    if match["weak"] or _ABOUT.fullmatch(match["rest"]):
        return len(value) >= 16 and is_random(value) and not re.search(r"\s", value)
    if match["medium"]:
        return len(value) >= 8 and not re.search(r"\s", value)
    return 4 <= len(value) <= 200


def _is_empty(value: str) -> bool:
    return _PLACEHOLDER.fullmatch(value) is not None


@cache
def is_secret_variable(name: str) -> bool:
    """Tell whether an environment variable of this name holds a credential."""
    about = name.rpartition("_")[2]
    return _VARIABLE.search(name) is not None and (
        about.upper() == "ID" or _ABOUT.fullmatch(about) is None
    )


def _places(text: str) -> list[Span]:
    """Return the strings, comments and shell lines of a cell."""
    if _SHELL_CELL.match(text):
        return [(0, len(text))]
    places = [m.span() for m in _LITERAL_OR_COMMENT.finditer(text)]
    return places + [m.span() for m in _SHELL.finditer(text)]


def _blocks(text: str) -> Iterator[Span]:
    end = 0
    while (begin := _BLOCK.search(text, end)) is not None:
        end = text.find("-----END", begin.end())
        end = min(len(text) if end < 0 else end, begin.end() + LONGEST_BLOCK)
        yield begin.end(), end


def _could_be_token(part: str) -> bool:
    return not _HEX.fullmatch(part) and len(_TURN.findall(part)) >= 3


def _line(text: str, position: int) -> Span:
    end = text.find("\n", position)
    # a line of megabytes holds data, and a token ends within some kilobytes
    start = max(text.rfind("\n", 0, position) + 1, position - 2000)
    return start, min(len(text) if end < 0 else end, position + 8000)


def _detected(text: str, line: Span) -> Iterator[Span]:
    for pattern in _patterns():
        for match in pattern.finditer(text, *line):
            groups = [n for n in range(1, pattern.groups + 1) if len(match[n] or "") >= 12]
            group = max(groups, key=lambda n: len(match[n]), default=0)
            start, end = match.span(group)
            found = text[start:end]
            start += len(found) - len(found.lstrip(" \t=:,(\"'"))
            end -= len(found) - len(found.rstrip(" \t=:,)\"'")) if group == 0 else 0
            if is_random(text[start:end]):
                yield start, end


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Return the token formats of detect-secrets."""
    found: dict[re.Pattern[str], None] = {}
    kind: Any
    for name in _DETECTORS:
        module = importlib.import_module(f"detect_secrets.plugins.{name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__:
                found.update(dict.fromkeys(kind().denylist))
    return tuple(found)


def _merged(found: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
