"""Every example in the README and in docs/ works, and every command and setting is documented.

Python examples of a page run in order in one real kernel; a comment ``<!-- test: … -->`` before
one holds code that a reader has already. Commands must parse as they stand; YAML must be a valid
part of ``mlops.yaml``.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import msgspec
import pytest
import yaml

from mlops_jupyter import config
from mlops_jupyter.cli.main import COMMANDS
from mlops_jupyter.project import Project
from tests.command import parsed
from tests.kernel import Kernel

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(
    r"(?:<!-- test:\s(?P<before>.*?)-->\n)?```(?P<kind>\w+)\n(?P<code>.*?)```", re.DOTALL
)


def examples(page: Path, kind: str) -> list[tuple[str, str]]:
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    return [(m["before"] or "", m["code"]) for m in found if m["kind"] == kind]


def commands(page: Path) -> list[str]:
    lines = [line for _, code in examples(page, "console") for line in code.splitlines()]
    return [
        line.partition(" #")[0].removeprefix("$ ").strip() for line in lines if line[:2] == "$ "
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_run(page: Path, project: Project, kernel: Kernel) -> None:
    for before, code in examples(page, "python"):
        if before.strip() == "elsewhere":
            continue
        for source in (before, code):
            if source.strip():
                answer = kernel.run(source)
                assert answer.status == "ok", f"{source}\n{answer.error}"
                assert "not recorded" not in answer.text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_parse(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line in commands(page):
        words = shlex.split(line)
        if words[0] == "mlops":
            for word in words:  # files that a reader has
                if re.fullmatch(r"[\w/.-]+\.\w{3,7}", word):
                    Path(word).parent.mkdir(parents=True, exist_ok=True)
                    Path(word).touch()
            parsed(words[1:])
        elif words[0] == "make":
            target = next(word for word in words[1:] if "=" not in word)
            assert f"\n{target}:" in (ROOT / "Makefile").read_text(), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_yaml_examples_are_valid(page: Path) -> None:
    for _, code in examples(page, "yaml"):
        part = yaml.safe_load(code)
        for model in part.get("models", {}).values():
            if "pipeline" in model:
                part.setdefault("pipelines", {})[model["pipeline"]] = {"notebook": "n.ipynb"}
        msgspec.convert(part, config.Settings)


def test_every_command_is_documented() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in COMMANDS:
        assert f"mlops {name}" in text, name


def test_every_option_of_the_settings_has_a_description() -> None:
    for definition in config.json_schema()["$defs"].values():
        assert definition["description"]


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"
