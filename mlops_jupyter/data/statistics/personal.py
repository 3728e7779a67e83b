"""What looks personal in data is masked before it is shown or kept outside the data itself.

A mask is a guess from the form of a text (an e-mail address, a card that passes its check digit)
and from the name of its column. It keeps examples harmless; it does not make data anonymous.
"""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST = 10_000
"""Characters of a text that are looked at; no mask needs more, and nobody shows more."""

CARD = "‹card›"

_KEPT = (
    r"(?P<time>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?)",
    r"(?P<day>(?<![\d./-])\d{1,2}[./-]\d{1,2}[./-]\d{4}(?: \d{1,2}:\d\d(?::\d\d)?)?(?![\d./-]))",
    r"(?P<number>(?<![\w.,+-])[+-]?\d{0,8}\.\d+(?:[eE][+-]?\d+)?(?![\w.]))",
)
"""Dates and decimal numbers have many digits and are nobody's."""

_MASKED = (
    r"(?P<mail>[^\s@<>()\[\]\"',;:=]{1,64}@[^\s@<>()\[\]\"',;:=/]{1,253}\.[^\W\d_]{2,24})",
    r"(?P<id>(?<![0-9A-Fa-f-])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f-]))",
    r"(?P<iban>(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w))",
    r"(?P<address>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]))",
    r"(?P<person>(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])|(?<![\w+-])\d{6}[-+]\d{4}(?!\w))",
    r"(?P<digits>\+?\(?\d(?:[ ./()–-]{0,2}\d){6,24})",
)

_PATTERN = re.compile("|".join((*_KEPT[:2], *_MASKED[:4], _KEPT[2], *_MASKED[4:])))

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|[^\W\d_]+|\d+")

_PERSONAL = {
    "birthdate", "birthday", "birthplace", "dob", "email", "emails", "fax", "firstname",
    "forename", "fullname", "iban", "ip", "lastname", "mail", "mobile", "msisdn", "nickname",
    "nino", "passport", "phone", "phones", "ssn", "street", "surname", "telephone", "username",
}  # fmt: skip

_PEOPLE = {
    "account", "applicant", "borrower", "card", "citizen", "client", "contact", "customer",
    "driver", "employee", "holder", "member", "owner", "passenger", "patient", "person", "student",
    "subscriber", "tax", "taxpayer", "user", "visitor", "voter",
}  # fmt: skip

_OF_PEOPLE = {"address", "code", "id", "ids", "key", "name", "names", "no", "nr", "number", "uuid"}

_NAMES = (("first", "name"), ("last", "name"), ("full", "name"), ("middle", "name"),
          ("family", "name"), ("given", "name"), ("maiden", "name"), ("credit", "card"),
          ("birth", "date"), ("date", "birth"), ("home", "address"), ("ip", "address"),
          ("postal", "address"), ("social", "security"), ("driving", "licence"),
          ("driver", "license"))  # fmt: skip


def masked(text: str) -> str:
    """Return a text without what looks personal.

    Masked are e-mail addresses, telephone, card and account numbers, IBANs, UUIDs, IP addresses,
    numbers of persons and other long runs of digits; dates and decimal numbers stay.

    >>> masked("call +49 30 1234567, or write to ada@example.org")
    'call ‹phone›, or write to ‹e-mail›'
    """
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    return _PATTERN.sub(_replaced, text)


def looks_personal(text: str) -> bool:
    """Tell whether `masked` would change a text."""
    return masked(text) != text


def is_personal_name(name: str) -> bool:
    """Tell whether a column of this name holds what belongs to one person.

    >>> is_personal_name("customerId"), is_personal_name("carrier_name")
    (True, False)
    """
    words = [word.lower() for word in _WORDS.findall(name[:200])]
    if words in (["name"], ["names"], ["address"]) or set(words) & _PERSONAL:
        return True
    told = set(words)
    if told & _PEOPLE and told & _OF_PEOPLE:
        return True
    if len(words) == 1 and words[0].endswith("id") and words[0][:-2] in _PEOPLE:
        return True
    return any(told.issuperset(pair) for pair in _NAMES)


def _replaced(found: re.Match[str]) -> str:
    verb = _VERBS.get(found.lastgroup or "")
    return found[0] if verb is None else verb(found[0])


def _iban(text: str) -> str:
    plain = text.replace(" ", "")
    turned = plain[4:] + plain[:4]
    return "‹IBAN›" if int("".join(str(int(c, 36)) for c in turned)) % 97 == 1 else _inside(text)


def _inside(text: str) -> str:
    return re.sub(_MASKED[-1], lambda found: _digits(found[0]), text)


def _address(text: str) -> str:
    return "‹IP›" if all(int(part) < 256 for part in text.split(".")) else text


def _digits(text: str) -> str:
    """Mask a run of digits: what it is by its length and form; seven plain ones are a number."""
    digits = re.sub(r"\D", "", text)
    if 13 <= len(digits) <= 19 and _has_check_digit(digits):
        return CARD
    if digits == text:
        return "‹digits›" if len(digits) >= 9 else text
    if text[0] in "+(" or (len(digits) >= 9 and len(re.split(r"\D+", text)) <= 6):
        return "‹phone›" if len(digits) <= 15 else "‹digits›"
    return "‹digits›" if len(digits) >= 13 else text


def _has_check_digit(digits: str) -> bool:
    """Tell whether a number passes the check of cards (ISO/IEC 7812, the Luhn formula)."""
    doubled = [int(d) * 2 for d in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


_VERBS: dict[str, Callable[[str], str]] = {
    "mail": lambda _: "‹e-mail›",
    "id": lambda _: "‹id›",
    "iban": _iban,
    "address": _address,
    "person": lambda _: "‹person›",
    "digits": _digits,
}
