"""``mlops.yaml`` is read strictly, and each complaint says the line, the column and what to do."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mlops_jupyter import config
from mlops_jupyter.errors import UsageError

GOOD = """\
version: 1
pipelines:
  train: {notebook: train.ipynb}
models:
  delay:
    pipeline: train
    evaluate: {data: flights@latest, label: late}
    checks:
      - floor: {metric: roc_auc, at_least: 0.6}
      - compare: {metric: roc_auc, margin: 0.01}
"""


def load(folder: Path, text: str, environment: dict[str, str] | None = None) -> config.Settings:
    path = folder / "mlops.yaml"
    path.write_text(text, encoding="utf-8")
    return config.load(path, environment or {})


def test_a_whole_file(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    model = settings.models["delay"]
    assert model.evaluate == config.Evaluate(data="flights@latest", label="late")
    assert model.checks[0].floor == config.Floor(metric="roc_auc", at_least=0.6)
    assert model.checks[1].compare == config.Compare(metric="roc_auc", margin=0.01)


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "") == config.Settings()


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("model: {}\n", "1:1", "did you mean 'models'?"),
        (GOOD.replace("at_least", "at_lest"), "9:34", "did you mean 'at_least'?"),
        (GOOD.replace("pipeline: train", "pipeline: trian"), "1:1", "did you mean 'train'?"),
        (GOOD.replace(", at_least: 0.6", ""), "9:9", "needs `at_least` or `at_most`"),
        (GOOD.replace("- floor", "- {}\n      - floor"), "9:9", "exactly one"),
        (GOOD.replace("0.01", "-1"), "10:36", ">= 0"),
        ("version: 2\n", "1:1", "2"),
        ("a: 1\na: 2\n", "2:1", "twice"),
        ("a: [1,\nb: 2\n", "3:1", "not valid YAML"),
        ("- 1\n", "1:1", "expected keys and values"),
        ("a: b: c\n", "1:5", "not valid YAML"),
        ("pipelines: {'../x': {notebook: a.ipynb}}\n", "1:1", "regex"),
        ("mirror: {idle_seconds: soon}\n", "1:10", "float"),
        ("capture: {files: snapshots}\n", "1:11", "did you mean 'snapshot'?"),
        ("capture: {files: all}\n", "1:11", "there is: digest, off, snapshot"),
        ("capture: {files: true}\n", "1:11", "there is: digest, off, snapshot"),
        ("capture: {files_limit: much}\n", "1:1", "write bytes, or 200 MB, or 1 GiB"),
        ("capture: {files_limit: -1}\n", "1:1", "`files_limit` is not a size: -1"),
    ],
)
def test_each_mistake_has_a_place_and_a_hint(
    tmp_path: Path, text: str, place: str, words: str
) -> None:
    with pytest.raises(UsageError) as raised:
        load(tmp_path, text)
    assert str(raised.value).startswith(f"{tmp_path / 'mlops.yaml'}:{place}: ")
    assert words in str(raised.value)


@pytest.mark.parametrize("content", [b"\x00", b"\xff\xfe", b"a: \x07"])
def test_bytes_that_are_no_yaml(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlops.yaml").write_bytes(content)
    with pytest.raises(UsageError, match=r"mlops\.yaml"):
        config.load(tmp_path / "mlops.yaml")


def test_files_that_cells_read(tmp_path: Path) -> None:
    assert load(tmp_path, "").capture.files == "digest"
    # to YAML a bare `off` is no text
    assert load(tmp_path, "capture: {files: off}").capture.files == "off"
    assert load(tmp_path, "", {"MLOPS_CAPTURE_FILES": "snapshot"}).capture.files == "snapshot"


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("200 MB", 2 * 10**8), ("1GiB", 2**30), ("'1.5 kib'", 1536), ("0", 0)],
)
def test_sizes_with_units(tmp_path: Path, text: str, size: int) -> None:
    settings = load(tmp_path, f"capture: {{files_limit: {text}}}")
    assert settings.capture.files_limit_bytes == size


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="No such file"):
        config.load(tmp_path / "mlops.yaml")


def test_the_environment_wins(tmp_path: Path) -> None:
    text = "mlflow: {tracking_uri: 'http://file', experiment: kept}\n"
    environment = {"MLOPS_MLFLOW_TRACKING_URI": "http://env", "MLOPS_MIRROR_IDLE_SECONDS": "2.5"}
    settings = load(tmp_path, text, environment)
    assert settings.mlflow == config.MlflowSettings("http://env", "kept")
    assert settings.mirror.idle_seconds == 2.5


def test_the_schema_knows_every_key_and_refuses_others() -> None:
    schema = config.json_schema()
    assert schema["$defs"]["Settings"]["additionalProperties"] is False
    assert set(schema["$defs"]["Settings"]["properties"]) == set(config.Settings.__struct_fields__)
    assert msgspec.json.decode(msgspec.json.encode(schema)) == schema


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version: 1",
        "# a comment\nversion: 1\n",
        "pipelines:\n",
        "pipelines:\n  old:   # kept\n    notebook: old.ipynb\nversion: 1\n",
    ],
)
def test_adding_a_pipeline_keeps_every_other_byte(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mlops.yaml"
    added = config.add_pipeline(text, "new", "a 'b' \"c\" é.ipynb", path)
    assert load(tmp_path, added).pipelines["new"].notebook == "a 'b' \"c\" é.ipynb"
    rest = iter(added)
    assert all(character in rest for character in text)


def test_what_cannot_be_added_to_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="write it yourself"):
        config.add_pipeline("pipelines: {a: {notebook: b}}\n", "new", "n.ipynb", tmp_path / "f")


def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "mlops.yaml"
    path.write_text("version: 1\nremote:\n  url: s3://me:hunter2hunter2@bucket/x\n")
    with pytest.raises(UsageError, match=r"mlops.yaml:3:3: a password") as refused:
        config.load(path, {})
    assert "hunter2" not in str(refused.value)
    assert "MLOPS_REMOTE_URL" in str(refused.value)


def test_a_remote_may_be_given_by_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "mlops.yaml"
    path.write_text("version: 1\n")
    given = {"MLOPS_REMOTE_URL": "s3://me:hunter2hunter2@bucket/x", "MLOPS_REMOTE_TRUST": "true"}
    settings = config.load(path, given).remote
    assert (settings.url, settings.trust) == (given["MLOPS_REMOTE_URL"], True)
