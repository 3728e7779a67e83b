"""URLs, SQL and names of files in the text constants of a cell, and in queries that it runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

LONGEST = 2000
"""Characters of a URL or a query that are kept."""

MOST_TEXTS = 1000

_SCHEMES = (
    "https?|ftps?|sftp|s3[an]?|gs|gcs|r2|oss|az|abfss?|adl|wasbs?|hf|hdfs|webhdfs|dbfs|github"
    "|gdrive|dropbox|postgres(?:ql)?(?:\\+\\w+)?|mysql(?:\\+\\w+)?|mssql(?:\\+\\w+)?"
    "|oracle(?:\\+\\w+)?|snowflake|bigquery|redshift(?:\\+\\w+)?|databricks|trino|clickhouse"
    "(?:\\+\\w+)?|mongodb(?:\\+srv)?|duckdb|md"
)
_URL = re.compile(rf"(?<![\w+.-])(?:{_SCHEMES})://[^\s'\"<>`{{}}|\\^)\]]+", re.IGNORECASE)
_QUERY = re.compile(
    r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(?:select|with)\b.*\bfrom\b", re.IGNORECASE | re.DOTALL
)
_LITERAL = re.compile(r"'((?:[^'\n]|'')+)'")
_SECRET = re.compile(
    r"(?:^|[_-])(?:token|key|apikey|secret|pass|passwd|password|pwd|auth|credentials?|sig"
    r"|signature|session|jwt|code)(?:$|[_-])|^x-amz-|^x-goog-|accesskey",
    re.IGNORECASE,
)

_NATIVE = (
    "catboost", "chdb", "datafusion", "deltalake", "fiona", "lance", "netCDF4", "osgeo", "pyogrio",
    "pyreadstat", "rasterio", "soundfile", "tensorflow", "vaex",
)  # fmt: skip
"""Libraries that open files natively, in so many ways that only the names in a cell tell."""


def clean(url: str) -> str:
    """Return a URL without user, password, and the values of parameters that name secrets."""
    try:
        parts = urlsplit(url[: 4 * LONGEST])
        host = parts.hostname or ""
        if ":" in host:
            host = f"[{host}]"
        if parts.port is not None:
            host += f":{parts.port}"
    except ValueError:
        return url.partition("://")[0] + "://…"
    query = "&".join(
        f"{quote(name)}={'***' if _SECRET.search(name) else quote(value, safe='/:,')}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    # a bucket is no host: its letters count
    if host.lower() == parts.netloc.lower():
        host = parts.netloc
    return urlunsplit((parts.scheme, host, parts.path, query, ""))[:LONGEST]


def urls_in(text: str) -> Iterator[str]:
    """Find the URLs of data in a text."""
    if "://" in text:
        for found in _URL.findall(text[: 100 * LONGEST]):
            yield found.rstrip(".,;:")


def is_query(text: str) -> bool:
    """Tell whether a text is an SQL query: it begins with SELECT or WITH, and has a FROM."""
    return _QUERY.match(text[: 10 * LONGEST]) is not None


def literals_in(query: str) -> Iterator[str]:
    """Find what stands in single quotes in SQL: it may be the name of a file."""
    for found in _LITERAL.findall(query[: 100 * LONGEST]):
        name = found.replace("''", "'")
        if "." in name or "/" in name or "*" in name:
            yield name


def names_in(texts: Iterable[str]) -> Iterator[str]:
    """Find what may be the name of a file: a text of one line with a dot or a slash."""
    for text in texts:
        if len(text) <= LONGEST and "\n" not in text and ("." in text or "/" in text):
            yield text.partition("?")[0] if "://" not in text else ""


def has_native() -> str | None:
    """Return a loaded library that opens files in ways that cannot be seen, or None."""
    return next((name for name in _NATIVE if name in sys.modules), None)
