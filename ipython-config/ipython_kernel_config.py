# Installed by mlops-jupyter; read by every kernel of this environment, after which the user's own
# configuration is read as ever. It loads the extension in projects that ask for it, with
# `capture: {auto_load: true}` in mlops.yaml or MLOPS_CAPTURE_AUTO_LOAD in the environment, and
# does nothing anywhere else. It imports nothing of ours: a kernel that does not ask pays for a
# look at the folders above it.
import os
import re

_ASKS = re.compile(
    r"^capture[ ]*:[ ]*(?:\{[^}\n]*|(?:#[^\n]*)?\n(?:[ ]+[^\n]*\n|[ ]*(?:#[^\n]*)?\n)*?[ ]+)"
    r"\bauto_load[ ]*:[ ]*(?:true|yes|on)\b",
    re.MULTILINE | re.IGNORECASE,
)


def _is_asked():
    told = os.environ.get("MLOPS_CAPTURE_AUTO_LOAD", "").lower()
    folder = os.path.realpath(os.environ.get("MLOPS_PROJECT") or os.getcwd())
    while not os.path.isfile(os.path.join(folder, "mlops.yaml")):
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
    if told:
        return told in ("1", "true", "yes", "on")
    with open(os.path.join(folder, "mlops.yaml"), encoding="utf-8") as file:
        return _ASKS.search(file.read()) is not None


try:
    if _is_asked():
        # not `c.InteractiveShellApp.extensions`: that list is the user's
        get_config().IPKernelApp.extra_extensions.append("mlops_jupyter")
except (OSError, ValueError):  # an unreadable file: `%load_ext mlops_jupyter` says what is wrong
    pass
