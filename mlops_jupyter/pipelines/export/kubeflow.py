"""A pipeline for Kubeflow Pipelines v2 (https://www.kubeflow.org/docs/components/pipelines).

Pods share no disk: each brings what is known from the shared store, runs its step, and sends
what is new. The file is Python that KFP compiles; with KFP at hand the YAML is written at once.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import ExternalError, UsageError
from mlops_jupyter.pipelines.export.airflow import literal
from mlops_jupyter.pipelines.export.shape import Input, Shape, Task, ids, on_one_line

_TYPES = {
    "integer": "int", "number": "float", "boolean": "bool", "string": "str",
    "array": "list", "object": "dict",
}  # fmt: skip
"""From JSON Schema to what KFP takes; all else is text, as on the command line."""

_TAKEN = frozenset(
    {
        "run_step",
        "NAME",
        "mlops_pipeline",
        "mlops_step",
        "mlops_given",
        "mlops_texts",
        "mlops_steps",
    }
)
"""Names in the file that a parameter cannot have."""


def module(shape: Shape, image: str) -> str:
    """Return a Python file with the pipeline: run by Python, it compiles itself to YAML.

    Parameters
    ----------
    shape : Shape
    image : str
        Container image with the project and ``mlops``: see `docker`.

    Raises
    ------
    UsageError
        ``mlops.yaml`` names no shared store.
    """
    if not shape.store:
        raise UsageError(
            "pods share no disk, and mlops.yaml names no shared store",
            hint="say where what steps give is kept: `remote: {url: s3://bucket/path}`",
        )
    on_one_line("the image", image)
    names = ids((one.name for one in shape.inputs), r"[^A-Za-z0-9_]", "p_", _TAKEN)
    parts = [
        _HEAD,
        f"IMAGE = {literal(image)}",
        f"NAME = {literal(shape.pipeline)}",
        "\n",
        _component(shape.inputs, names),
        "",
        _pipeline(shape, names),
        _TAIL,
    ]
    return "\n".join(parts)


def compiled(source: str) -> str:
    """Return the YAML that KFP makes of such a file.

    Raises
    ------
    UsageError
        KFP is not installed here.
    ExternalError
        It refuses the file.
    """
    if find_spec("kfp") is None:
        raise UsageError(
            "KFP is not installed, which compiles pipelines to YAML",
            hint="`pip install kfp`; or write a .py file, and run it where KFP is",
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pipeline.py")
        file.write_text(source, encoding="utf-8")
        command = [sys.executable, str(file), str(file.with_suffix(".yaml"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ExternalError(f"KFP cannot compile the pipeline: {said[:300]}")
        return file.with_suffix(".yaml").read_text(encoding="utf-8")


def _type(one: Input) -> str | None:
    """Return the type of a value that travels as it is; None: as text."""
    named = one.schema.get("type")
    if _is_plain(one) and isinstance(named, str) and "format" not in one.schema:
        return _TYPES.get(named)
    return None


def _is_plain(one: Input) -> bool:
    """Tell whether KFP can be told the default, which it writes into a comment, raw."""
    # what is not printable is escaped in JSON, but for characters that end a line elsewhere
    text = json.dumps(one.schema.get("default"), ensure_ascii=False)
    return one.has_default and "\\n" not in text and "\\r" not in text and text.isprintable()


def _default(one: Input) -> Any:
    kind = _type(one)
    if kind is None:
        return one.default_text if _is_plain(one) else ""
    value = one.schema["default"]
    return float(value) if kind == "float" else value


def _component(inputs: tuple[Input, ...], names: dict[str, str]) -> str:
    signature = "".join(f"    {names[one.name]}: {_type(one) or 'str'},\n" for one in inputs)
    given, texts = (
        "".join(
            f"        {literal(one.name)}: {names[one.name]},\n"
            for one in inputs
            if (_type(one) is None) is is_text
        )
        for is_text in (False, True)
    )
    return _COMPONENT.format(
        signature=signature,
        given=f"{{\n{given}    }}" if given else "{}",
        texts=f"{{\n{texts}    }}" if texts else "{}",
    )


def _pipeline(shape: Shape, names: dict[str, str]) -> str:
    about = f"Notebooks, cut into steps: {shape.pipeline}"
    lines = [
        f"@dsl.pipeline(name={literal(_dns(shape.pipeline))}, description={literal(about)})",
        "def pipeline(",
    ]
    for one in shape.inputs:
        default = literal(_default(one)).replace("\n", "\n    ")
        lines.append(f"    {names[one.name]}: {_type(one) or 'str'} = {default},")
    lines += ["):", "    mlops_steps = {}"]
    for task in shape.tasks:
        name = f"mlops_steps[{literal(task.step)}]"
        lines += [
            f"    {name} = run_step(",
            "        mlops_pipeline=NAME,",
            f"        mlops_step={literal(task.step)},",
            *(f"        {names[one.name]}={names[one.name]}," for one in shape.inputs),
            "    )",
            *_settings(name, task),
        ]
    return "\n".join(lines)


def _settings(name: str, task: Task) -> list[str]:
    # whether a step need be run is told by what it is made of, which KFP does not know
    said = [f"set_display_name({literal(task.step)})", "set_caching_options(False)"]
    if task.before:
        before = (f"mlops_steps[{literal(one)}]" for one in task.before)
        said.append(f"after({', '.join(before)})")
    if task.retries:
        said.append(f"set_retry(num_retries={task.retries})")
    if task.cpu is not None:
        said.append(f"set_cpu_limit({literal(f'{task.cpu:g}')})")
    if task.memory_bytes is not None:
        mebibytes = max(1, task.memory_bytes // 2**20)
        said.append(f"set_memory_limit({literal(f'{mebibytes}Mi')})")
    if task.gpu:
        said.append('set_accelerator_type("nvidia.com/gpu")')
        said.append(f"set_accelerator_limit({max(1, round(task.gpu))})")
    return [f"    {name}.{call}" for call in said]


def _dns(name: str) -> str:
    """Return a name that Kubernetes takes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].rstrip("-") or "pipeline"


_HEAD = '''\
"""A pipeline of notebooks for Kubeflow Pipelines: one task for each step.

`python THIS_FILE [OUT.yaml]` compiles it. Each task brings what is known from the shared store
(`remote.url` in mlops.yaml), runs `mlops pipeline run PIPELINE --to STEP`, and sends what is
new. The image holds the project in its working directory, and the command `mlops`.

Written by `mlops pipeline export`: write it again rather than change it.
"""

import sys
from pathlib import Path

from kfp import compiler, dsl
'''

_COMPONENT = '''\
@dsl.component(base_image=IMAGE)
def run_step(
    mlops_pipeline: str,
    mlops_step: str,
{signature}):
    """Bring what is known, run the pipeline up to a step, send what is new."""
    mlops_given = {given}
    mlops_texts = {texts}

    import json
    import subprocess
    import tempfile

    # the first one to push makes the store
    subprocess.run(["mlops", "push"], check=True)
    subprocess.run(["mlops", "pull"], check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(mlops_given, file, ensure_ascii=False)
        file.flush()
        command = ["mlops", "pipeline", "run", mlops_pipeline, "--to", mlops_step]
        command += ["--params", file.name]
        for name, text in mlops_texts.items():
            command += ["-p", name, text] if text else []
        ended = subprocess.run(command)
    sent = subprocess.run(["mlops", "push"])
    if ended.returncode or sent.returncode:
        raise SystemExit(ended.returncode or sent.returncode)
'''

_TAIL = """

if __name__ == "__main__":
    out = sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).with_suffix(".yaml"))
    compiler.Compiler().compile(pipeline, out)
"""
