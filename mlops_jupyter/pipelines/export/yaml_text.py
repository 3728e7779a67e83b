"""YAML files for CI systems, written so that people can read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def yaml_text(content: dict[str, Any], about: str, versions: Mapping[str, str] = {}) -> str:
    """Return a file: scripts line by line, nothing abbreviated, and a line about it on top.

    Parameters
    ----------
    content : dict
    about : str
        The comment, on one line.
    versions : mapping of str to str, optional
        Of GitHub: the tag of each action that is named by a commit, for a comment.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def written(dumper: Dumper, text: str) -> Any:
        is_plain = text.isascii() or text.replace("\n", "").isprintable()
        style = "|" if text.endswith("\n") and is_plain else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, written)
    dumped: str = yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    for action, version in versions.items():
        dumped = dumped.replace(f"uses: {action}\n", f"uses: {action}  # {version}\n")
    return f"# {about}\n{dumped}"
