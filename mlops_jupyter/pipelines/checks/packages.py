"""Packages that a notebook imports and that its kernel's Python does not have."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from mlops_jupyter.errors import did_you_mean
from mlops_jupyter.pipelines.checks.code import nodes_of
from mlops_jupyter.pipelines.finding import Finding, Severity
from mlops_jupyter.pipelines.source import SourceCell, SourceNotebook

_DISTRIBUTIONS = {
    "attr": "attrs", "bs4": "beautifulsoup4", "cv2": "opencv-python", "dateutil": "python-dateutil",
    "dotenv": "python-dotenv", "git": "GitPython", "google": "google-cloud", "jwt": "PyJWT",
    "PIL": "pillow", "serial": "pyserial", "skimage": "scikit-image", "sklearn": "scikit-learn",
    "umap": "umap-learn", "yaml": "PyYAML",
}  # fmt: skip
_CATCHES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_USUAL = {"python3", "python"}


def missing_packages(
    source: SourceNotebook, cells: tuple[SourceCell, ...], folder: Path
) -> Iterator[Finding]:
    """Find imports of what is not installed; nothing is imported for that."""
    kernel = source.kernel
    if kernel not in _USUAL:
        python, known = _python_of(kernel)
        if python is None:
            hint = did_you_mean(kernel, known) or "choose another in JupyterLab, and save"
            told = f"there is no kernel {kernel!r} here"
            yield Finding("no-kernel", "error", None, told, hint)
            return
        if not _is_this(python):
            told = f"packages were not looked for: the kernel {kernel!r} is another Python"
            hint = f"check with that one: {python}"
            yield Finding("other-environment", "warning", None, told, hint)
            return
    words = {word for cell in cells for word in cell.analysis.mentions.words}
    # where more folders or packages are added, it may be found there
    adds = "sys.path" in {t for c in cells for t in _touched(c)} or bool(words & {"%pip", "%conda"})
    severity: Severity = "warning" if adds else "error"
    seen: set[str] = set()
    for cell in cells:
        for module in _imports(cell):
            top = module.partition(".")[0]
            if top not in seen and not _is_here(top, folder):
                seen.add(top)
                yield Finding(
                    "missing-package", severity, cell.position + 1,
                    f"imports {top!r}, which is not installed in {sys.prefix}",
                    f"install it: `pip install {_DISTRIBUTIONS.get(top, top)}`",
                )  # fmt: skip


def _touched(cell: SourceCell) -> Iterator[str]:
    for node in nodes_of(cell.source):
        if isinstance(node, ast.Attribute) and node.attr == "path":
            yield ast.unparse(node)


def _imports(cell: SourceCell) -> Iterator[str]:
    """Return the modules that a cell imports, but those whose absence it catches."""
    guarded: set[int] = set()
    for node in nodes_of(cell.source):
        if isinstance(node, ast.Try) and any(map(_catches, node.handlers)):
            guarded.update(id(inner) for part in node.body for inner in ast.walk(part))
    for node in nodes_of(cell.source):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(n, ast.Name) and n.id in _CATCHES for n in ast.walk(handler.type))


def _is_here(module: str, folder: Path) -> bool:
    if module in sys.builtin_module_names or module in sys.stdlib_module_names:
        return True
    try:
        if importlib.util.find_spec(module) is not None:
            return True
        return importlib.machinery.PathFinder.find_spec(module, [str(folder)]) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _python_of(kernel: str) -> tuple[str | None, list[str]]:
    """Return the program of a kernel, and the kernels that there are."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    try:
        return manager.get_kernel_spec(kernel).argv[0], []
    except (NoSuchKernel, IndexError, ValueError, OSError):
        return None, list(manager.find_kernel_specs())


def _is_this(python: str) -> bool:
    if python in {"python", "python3"}:
        return True  # Jupyter puts its own Python there
    found = shutil.which(python) or python
    # not resolved: environments link to one Python
    return Path(found).parent == Path(sys.executable).parent
