"""Looking up what a step gave before, and saying why it must be run."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from mlops_jupyter.pipelines import damage, reads
from mlops_jupyter.pipelines.entry import Entry, from_row
from mlops_jupyter.pipelines.key import VALUES, Key, Part
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import digest_of

CODE = ("setup", "definition", "cell")
MOST_CANDIDATES = 8
"""Entries of one key that are looked at: each read other files, or other data."""

NEVER = "never ran"


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up found.

    Attributes
    ----------
    entry : Entry or None
        What can be taken.
    why : tuple of str
        Why it can be, or why there is none, in words.
    """

    entry: Entry | None
    why: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """The step that is looked up.

    Attributes
    ----------
    pipeline, step : str
    passes : tuple of str
        Names of the values that the steps after it need.
    put_back : dict of str to str
        Paths and digests of files that the steps before will put back.
    """

    pipeline: str
    step: str
    passes: tuple[str, ...] = ()
    put_back: Mapping[str, str] = field(default_factory=dict)


def look_up(project: Project, place: Place, key: Key) -> Found:
    """Find what a step gave when it was made of the same."""
    declared = project.settings.pipelines.get(place.pipeline)
    if declared is not None and not declared.caches(place.step):
        return Found(None, ("`cache: off` in mlops.yaml",))
    if key.why_not:
        return Found(None, (f"cannot be known: {key.why_not}",))
    age = None if declared is None else declared.max_age_seconds(place.step)
    rows = project.catalog.rows(
        "SELECT * FROM step_entry WHERE pipeline = ? AND step = ? AND key = ?"
        " ORDER BY made_at DESC LIMIT ?",
        (place.pipeline, place.step, key.digest, MOST_CANDIDATES),
    )
    reasons: list[list[str]] = []
    for entry in map(from_row, rows):
        why = list(_against(project, place, entry, age))
        if not why:
            return Found(entry, (f"nothing changed since {entry.made_at[:16].replace('T', ' ')}",))
        reasons.append(why)
    touched = _touched(project, place, key)
    if touched is not None:
        return touched
    if reasons:
        return Found(None, tuple(reasons[0]))
    last = newest(project, place.pipeline, place.step)
    return Found(None, (NEVER,) if last is None else tuple(changes(last.parts, key.parts)))


def newest(project: Project, pipeline: str, step: str) -> Entry | None:
    """Return what a step gave when it was last run to its end."""
    row = project.catalog.row(
        "SELECT * FROM step_entry WHERE pipeline = ? AND step = ? ORDER BY made_at DESC LIMIT 1",
        (pipeline, step),
    )
    return None if row is None else from_row(row)


def _against(project: Project, place: Place, entry: Entry, age: float | None) -> Iterator[str]:
    """Say why an entry of the same key cannot be taken."""
    if entry.why_not:
        yield f"not kept: {entry.why_not}"
        return
    if _is_distrusted(project, entry):
        yield f"it was run elsewhere, and {entry.origin} is not trusted: `remote: {{trust: true}}`"
    missing = sorted(set(place.passes) - set(entry.records.passed))
    if missing:
        yield f"a later step needs {', '.join(missing)} too"
    since = datetime.now(UTC) - datetime.fromisoformat(entry.made_at)
    if age is not None and since > timedelta(seconds=age):
        yield f"older than `max_age`: {_words(since)}"
    now = reads.state(project, entry.reads, entry.writes, place.put_back)
    yield from reads.changes(reads.before(entry.reads), now)
    if not _is_there(project, entry):
        yield "what was kept of it is gone"


def _is_there(project: Project, entry: Entry) -> bool:
    return all(
        project.objects.path(digest).exists() for digest in entry.objects
    ) and damage.are_there(project, entry.passes)


def touch_key(key: Key, state: Mapping[str, str]) -> str:
    """Return what somebody says is fresh: the key, and what the step would read now."""
    return digest_of(msgspec.json.encode([key.digest, sorted(state.items())]))


def _touched(project: Project, place: Place, key: Key) -> Found | None:
    rows = project.catalog.rows(
        "SELECT step_entry.*, step_touch.key AS touched, reason FROM step_touch"
        " JOIN step_entry ON step_entry.id = entry_id"
        " WHERE step_touch.pipeline = ? AND step_touch.step = ? ORDER BY touched_at DESC LIMIT ?",
        (place.pipeline, place.step, MOST_CANDIDATES),
    )
    for row in rows:
        entry = from_row(row)
        state = reads.state(project, entry.reads, entry.writes, place.put_back)
        has_all = set(place.passes) <= set(entry.records.passed)
        may = has_all and _is_there(project, entry) and not _is_distrusted(project, entry)
        if row["touched"] == touch_key(key, state) and may:
            return Found(entry, (f"touched: {row['reason']}",))
    return None


def _is_distrusted(project: Project, entry: Entry) -> bool:
    """Tell whether what it passes on, which is pickled, and its files must not be taken."""
    return entry.origin is not None and not project.settings.remote.trust


def changes(was: Sequence[Part], now: Sequence[Part]) -> list[str]:
    """Say how the parts of a step differ."""
    words: list[str] = []
    for kind in CODE:
        words += _code_changes(kind, _of(was, kind), _of(now, kind))
    before = {(p.kind, p.name): p for p in was if p.kind not in CODE}
    after = {(p.kind, p.name): p for p in now if p.kind not in CODE}
    for one, part in after.items():
        old = before.get(one)
        if old is None:
            words.append(_NEW.get(part.kind, "{name} is new").format(name=part.name))
        elif old.digest != part.digest:
            words.append(_changed(old, part))
    gone = [part for one, part in before.items() if one not in after and part.kind != VALUES]
    words += [_GONE.get(p.kind, "{name} does not count any more").format(name=p.name) for p in gone]
    return list(dict.fromkeys(words)) or ["it is made of the same, in another order"]


_NEW = {"parameter": "reads the parameter {name} now", "package": "imports {name} now",
        "module": "imports {name} now", "variable": "reads the variable {name} now",
        VALUES: "it takes {name} now"}  # fmt: skip
_GONE = {"parameter": "does not read the parameter {name} any more",
         "package": "does not import {name} any more", "module": "does not import {name} any more",
         "variable": "does not read the variable {name} any more"}  # fmt: skip


def _changed(was: Part, now: Part) -> str:
    if now.kind == VALUES:
        return f"{now.name.removeprefix('the values of ')} gives other values"
    if now.kind in {"parameter", "package"} or (now.words and was.words):
        name = f"parameter {now.name}:" if now.kind == "parameter" else now.name
        return f"{name} {was.words} to {now.words}"
    kind = f"{now.kind} " if now.kind in {"module", "variable"} else ""
    return f"{kind}{now.name} changed"


def _of(parts: Sequence[Part], kind: str) -> list[Part]:
    return [part for part in parts if part.kind == kind]


def _code_changes(kind: str, was: list[Part], now: list[Part]) -> list[str]:
    suffix = " (setup)" if kind == "setup" else ""
    matcher = difflib.SequenceMatcher(
        None, [p.digest for p in was], [p.digest for p in now], autojunk=False
    )
    words: list[str] = []
    for what, i, end_i, j, end_j in matcher.get_opcodes():
        if what == "equal":
            continue
        old, new = was[i:end_i], now[j:end_j]
        pairs = min(len(old), len(new))
        words += [f"{part.name}{suffix} changed" for part in new[:pairs]]
        words += [f"{part.name}{suffix} is new" for part in new[pairs:]]
        words += [f"{part.name}{suffix} is gone" for part in old[pairs:]]
    return words


def _words(time: timedelta) -> str:
    hours = time.total_seconds() / 3600
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"
