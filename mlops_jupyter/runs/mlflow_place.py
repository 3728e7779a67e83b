"""Where an MLflow store is: its URI as it may be shown, kept and compared."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s?#'\"]*@", re.IGNORECASE)
_FILES = ("sqlite:", "file:")


def redacted(text: str, *uris: str) -> str:
    """Return a text without the credentials of the URIs in it.

    Parameters
    ----------
    text : str
    *uris : str
        URIs whose passwords may stand in the text by themselves, too.
    """
    text = _CREDENTIALS.sub(r"\1***@", text)
    for uri in uris:
        for secret in _passwords(uri):
            text = text.replace(secret, "***")
    return text


def _passwords(uri: str) -> set[str]:
    try:
        password = urlsplit(uri).password
    except ValueError:
        return set()
    # shorter ones would black out half of any text
    return {p for p in (password, unquote(password)) if len(p) >= 4} if password else set()


def absolute(uri: str, folder: Path) -> str:
    """Return a tracking URI so that it means the same in every working directory."""
    if uri.startswith("sqlite:///") and not uri.startswith("sqlite:////"):
        return f"sqlite:///{folder / uri.removeprefix('sqlite:///')}"
    scheme, colon, rest = uri.partition(":")
    if not colon or len(scheme) == 1:
        return (folder / uri).as_uri()
    if scheme == "file" and not rest.startswith("/"):
        return (folder / rest).as_uri()
    return uri


def same(one: str, other: str) -> bool:
    """Whether two URIs lead to one store, whoever logs in to it."""
    return _bare(one) == _bare(other)


def _bare(uri: str) -> str:
    return _CREDENTIALS.sub(r"\1", uri.replace("://***@", "://")).rstrip("/")


def is_missing(uri: str) -> bool:
    """Whether the store is a file that is not there: MLflow would make an empty one of it."""
    if not uri.startswith(_FILES):
        return False
    path = uri.removeprefix("sqlite:///") if uri.startswith("sqlite:") else urlsplit(uri).path
    return not Path(unquote(path.partition("?")[0])).exists()
