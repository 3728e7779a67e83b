"""What a magic or a shell line does to the names of the notebook.

IPython turns ``%time x = f()`` into ``get_ipython().run_line_magic("time", "x = f()")`` before
it runs a cell; here the way back is taken.
"""

from __future__ import annotations

import ast
import re

import msgspec

RUN_HERE = {"time", "capture", "prun", "track"}
"""Magics whose code runs in the notebook's namespace."""

RUN_APART = {"timeit", "memit"}
"""Magics whose code reads the notebook's names and binds none of them."""

FOREIGN = {
    "!", "HTML", "SVG", "bash", "cmd", "file", "html", "javascript", "js", "latex", "markdown",
    "perl", "pypy", "python", "python2", "python3", "ruby", "script", "sh", "svg", "sx", "system",
    "writefile",
}  # fmt: skip
"""Cell magics whose body is not code of this notebook."""

HARMLESS = {
    "alias", "alias_magic", "autoreload", "automagic", "autosave", "bookmark", "cat", "cd", "clear",
    "clip", "colors", "conda", "config", "connect_info", "cp", "debug", "dhist", "dirs",
    "doctest_mode", "env", "gui", "hist", "history", "killbgscripts", "latex_symbols", "ldir",
    "less", "lf", "lk", "ll", "load_ext", "logoff", "logon", "logstart", "logstate", "logstop",
    "lprun", "ls", "lsmagic", "lx", "magic", "mamba", "man", "matplotlib", "micromamba", "mkdir",
    "more", "mprun", "mv", "notebook", "page", "pastebin", "pdb", "pdef", "pdoc", "pfile", "pinfo",
    "pinfo2", "pip", "popd", "pprint", "precision", "psearch", "psource", "pushd", "pwd", "pycat",
    "pylint", "qtconsole", "quickref", "rehashx", "reload_ext", "rm", "rmdir", "save", "sc",
    "set_env", "subshell", "sx", "system", "tb", "tensorboard", "unalias", "unload_ext", "uv",
    "watermark", "who", "who_ls", "whos", "xmode",
}  # fmt: skip
"""Line magics that bind and delete nothing."""

CONFIGURING = {"config", "load_ext", "matplotlib"}
"""Line magics that set up the kernel."""

SETTING = {"autoreload", "cd", "env", "precision", "set_env"}
"""Line magics that set something for all that comes after."""

_OPTIONS = {
    "time": r"(?:--?[\w-]+\s+)*",
    "timeit": r"(?:-(?:[qotcv]+|[nrp]\s*\w+)\s+)*",
    "memit": r"(?:-(?:[oc]|[rti]\s*\w+)\s+)*",
    "prun": r"(?:-(?:[rq]|[lsTD]\s*\S+)\s+)*",
}
_KEEPS = re.compile(r"--(?:out|err|proc)[ =](\w+)")


class Magic(msgspec.Struct, frozen=True):
    """The effect of one magic.

    Attributes
    ----------
    name : str
    line : str
        Its arguments, as far as they are not code.
    code : str
        Code that runs in the notebook's namespace.
    apart : str
        Code that reads the notebook's names and binds none.
    reads : tuple of str
        Expressions that are evaluated.
    guesses : tuple of str
        Expressions that are evaluated if their names exist, and left as text if not.
    binds : tuple of str
        Names that the magic itself binds.
    opaque : bool
        It may read or bind any name.
    """

    name: str
    line: str = ""
    code: str = ""
    apart: str = ""
    reads: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    opaque: bool = False


def magic_of(call: ast.Call) -> Magic | None:
    """Return the magic that a call stands for, or None when it is an ordinary call."""
    called = call.func
    if not (isinstance(called, ast.Attribute) and is_shell(called.value)):
        return None
    texts = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if len(texts) != len(call.args) or call.keywords:
        return None
    match called.attr, texts:
        case "run_cell_magic", [name, line, body]:
            return _cell_magic(name, line, body)
        case "run_line_magic", [name, line]:
            return _line_magic(name, line)
        case "system" | "getoutput", [command]:
            return Magic("!", command, guesses=interpolated(command))
    return None


def is_shell(node: ast.expr) -> bool:
    """Return whether an expression is ``get_ipython()``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "get_ipython"
    )


def interpolated(text: str) -> tuple[str, ...]:
    """Return the expressions in ``{…}`` and ``$name`` that IPython puts into a command."""
    names = re.findall(r"(?<![\$\\])\$([A-Za-z_]\w*)", text)
    return (*re.findall(r"(?<!\{)\{([^{}]+)\}(?!\})", text), *names)


def _cell_magic(name: str, line: str, body: str) -> Magic:
    guesses = interpolated(line)
    if name in RUN_HERE:
        binds = _capture_target(line) if name == "capture" else ()
        return Magic(name, line, code=body, binds=binds, guesses=guesses)
    if name in RUN_APART:
        return Magic(name, apart=f"{_without_options(name, line)}\n{body}", guesses=guesses)
    if name in FOREIGN:
        return Magic(name, line + "\n" + body, binds=tuple(_KEEPS.findall(line)), guesses=guesses)
    return Magic(name, line + "\n" + body, opaque=True)


def _line_magic(name: str, line: str) -> Magic:
    if name in {"time", "prun"}:
        return Magic(name, code=_without_options(name, line))
    if name in RUN_APART:
        return Magic(name, apart=_without_options(name, line))
    if name == "snapshot":
        expression = re.split(r"\s--?\w", line, maxsplit=1)[0].strip()
        return Magic(name, line, guesses=(expression,) if expression else ())
    if name == "mlops":
        verb, *names = line.split() or [""]
        receives = tuple(names) if verb == "receive" else ()
        return Magic(name, line, binds=receives, reads=tuple(names) if verb == "pass_on" else ())
    return Magic(name, line, guesses=interpolated(line), opaque=name not in HARMLESS)


def _capture_target(line: str) -> tuple[str, ...]:
    return tuple(word for word in line.split() if word.isidentifier())[:1]


def _without_options(name: str, line: str) -> str:
    return re.sub("^" + _OPTIONS[name], "", line.strip() + " ").strip()
