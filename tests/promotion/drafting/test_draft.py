"""A drafted policy says what is known of a run, and asks for what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.promotion.drafting.draft import Draft, draft, write
from mlops_jupyter.promotion.drafting.text import _scalar
from tests.models.training import keep_run
from tests.promotion.training import FEATURES, flights, good_model


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with ``train@1``, ``test@1``, and runs; no test here changes it."""
    made = init(tmp_path_factory.mktemp("draft") / "flights")
    snapshot(made, flights(seed=1), "train")
    snapshot(made, flights(seed=2), "test")
    return made


def run_of(project: Project, estimator: object = None, *reads: str, source: str = "") -> str:
    return keep_run(
        project, estimator or good_model(), copy=False, reads=reads or ("train@1",), source=source
    )


def checks_of(drafted: Draft) -> list[str]:
    return [check.kind for check in drafted.policy.checks]


class TestWhatIsKnown:
    def test_the_label_the_unseen_rows_and_the_limit(self, project: Project) -> None:
        run = run_of(project)

        made = draft(project, "late", run)

        assert (made.policy.evaluate.data, made.policy.evaluate.label) == ("test@latest", "late")
        assert checks_of(made) == ["compare", "floor", "leakage", "predictions"]
        floor = made.policy.checks[1].floor
        assert floor is not None
        assert (floor.metric, floor.at_most) == ("roc_auc", None)
        assert 0.8 < (floor.at_least or 0) < 0.97
        assert made.warnings == ()
        assert made.run_id == run

    def test_the_newest_run_with_a_model_is_taken(self, project: Project) -> None:
        run = run_of(project)
        keep_run(project, None, copy=False)

        assert draft(project, "late").run_id == run

    def test_numbers_are_bounded_from_above(self, project: Project) -> None:
        frame = flights(seed=1)
        model = LinearRegression().fit(frame[["distance"]], frame["hour"])

        made = draft(project, "hour", run_of(project, model), label_column="hour")

        floor = made.policy.checks[1].floor
        assert floor is not None
        assert floor.metric == "mae"
        assert floor.at_most is not None
        assert 5 < floor.at_most < 8

    def test_a_contract_that_is_there_is_held_against_the_rows(self, project: Project) -> None:
        contract = project.root / "contracts" / "test.py"
        contract.parent.mkdir()
        contract.touch()
        try:
            assert "schema" in checks_of(draft(project, "late", run_of(project)))
        finally:
            contract.unlink()
            contract.parent.rmdir()

    def test_rows_that_the_run_read_too_are_said_to_be(self, project: Project) -> None:
        made = draft(project, "late", run_of(project, None, "train@1", "test@1"))

        assert made.policy.evaluate.data == "test@latest"
        assert made.warnings == ("the run read test@1 too; see that it did not train on it",)
        leakage = made.policy.checks[2].leakage
        assert leakage is not None
        assert leakage.train == "train@latest"

    def test_rows_that_the_run_was_trained_on_are_a_warning(self, tmp_path: Path) -> None:
        project = init(tmp_path / "flights")
        snapshot(project, flights(seed=1), "all")

        made = draft(project, "late", run_of(project, None, "all@1"))

        assert made.policy.evaluate.data == "all@latest"
        assert "trained on all@1" in made.warnings[0]
        assert "# CAREFUL: the run was trained on all@1" in made.text

    def test_a_run_that_read_no_version_is_a_warning(self, project: Project) -> None:
        run = keep_run(project, good_model(), copy=False)

        made = draft(project, "late", run)

        assert made.policy.evaluate.data == "test@latest"
        assert made.warnings == (
            "the run read no data version, so nobody knows what it was trained on",
        )


class TestTheLabel:
    def project_of(self, tmp_path: Path, **columns: object) -> Project:
        project = init(tmp_path / "flights")
        frame = flights(seed=1).assign(**columns)
        snapshot(project, frame, "train")
        snapshot(project, frame.sample(frac=0.5, random_state=1), "test")
        return project

    def test_of_two_columns_with_the_classes_the_cells_name_one(self, tmp_path: Path) -> None:
        project = self.project_of(tmp_path, weekend=lambda f: f["late"] * 0 + [0, 1] * 200)
        run = run_of(project, source='m = LogisticRegression().fit(df[features], df["late"])')

        assert draft(project, "late", run).policy.evaluate.label == "late"

    def test_of_two_that_nothing_tells_apart_it_is_asked_for(self, tmp_path: Path) -> None:
        project = self.project_of(tmp_path, weekend=lambda f: f["late"] * 0 + [0, 1] * 200)
        run = run_of(project)

        with pytest.raises(UsageError, match="which column the model") as refused:
            draft(project, "late", run)

        assert refused.value.hint == "name it: `--label COLUMN`; there is: late, weekend"
        assert draft(project, "late", run, label_column="late").policy.evaluate.label == "late"

    def test_columns_with_other_values_are_not_it(self, tmp_path: Path) -> None:
        project = self.project_of(tmp_path, airline="AB", id=range(400), note=[["a"]] * 400)

        assert draft(project, "late", run_of(project)).policy.evaluate.label == "late"

    def test_a_model_that_does_not_know_its_columns(self, tmp_path: Path) -> None:
        project = self.project_of(tmp_path)
        frame = flights(seed=1)
        model = LogisticRegression().fit(frame[FEATURES].to_numpy(), frame["late"])

        with pytest.raises(UsageError, match="name it: `--label COLUMN`"):
            draft(project, "late", run_of(project, model))

        made = draft(project, "late", run_of(project, model), label_column="late")
        assert made.policy.evaluate.label == "late"


class TestRefused:
    def test_unknown_names(self, project: Project) -> None:
        run = run_of(project)
        with pytest.raises(NotFoundError, match="no run 'ffff'"):
            draft(project, "late", "ffff")
        with pytest.raises(NotFoundError, match="did you mean 'test'"):
            draft(project, "late", run, data="tests@1")
        with pytest.raises(UsageError, match="no column 'lat'"):
            draft(project, "late", run, data="test@1", label_column="lat")
        with pytest.raises(UsageError, match="has the label 'lat'"):
            draft(project, "late", run, label_column="lat")
        for name in ("../up", "a b", "", "x" * 101, "a\nb: 1"):
            with pytest.raises(UsageError, match="is no name for a model"):
                draft(project, name, run)

    def test_a_run_without_a_model(self, tmp_path: Path) -> None:
        project = init(tmp_path / "flights")
        with pytest.raises(UsageError, match="no run has kept a model yet"):
            draft(project, "late")
        run = keep_run(project, None, copy=False)
        with pytest.raises(UsageError, match="kept no model"):
            draft(project, "late", run)

    def test_labels_that_are_all_the_same_are_compared_by_another_metric(
        self, project: Project
    ) -> None:
        snapshot(project, flights(seed=3).assign(late=1), "holdout")

        made = draft(project, "late", run_of(project), data="holdout@1", label_column="late")

        assert [made.policy.checks[n].kind for n in (0, 1)] == ["compare", "floor"]
        compare = made.policy.checks[0].compare
        assert compare is not None
        assert compare.metric == "accuracy"


OTHER = """\
models:
    other:   # kept
        evaluate: {data: test@1, label: late}
        checks:
            - floor: {metric: accuracy, at_least: 0.5}

version: 1
"""


class TestWriting:
    @pytest.mark.parametrize("text", ["", "version: 1  # mine", OTHER])
    def test_every_other_byte_of_the_file_is_kept(self, tmp_path: Path, text: str) -> None:
        project = init(tmp_path / "flights")
        snapshot(project, flights(seed=2), "test")
        made = draft(project, "late", run_of(project, None, "test@1"))
        file = project.root / "mlops.yaml"
        file.write_text(text)

        write(project, made)

        assert open_project(project.root).settings.models["late"] == made.policy
        rest = iter(file.read_text())
        assert all(character in rest for character in text)
        with pytest.raises(UsageError, match=r"mlops.yaml:\d+:\d+: the model 'late' is declared"):
            write(project, made)

    def test_a_section_on_one_line_is_left_alone(self, project: Project, tmp_path: Path) -> None:
        other = init(tmp_path / "other")
        text = "models: {}\n"
        (other.root / "mlops.yaml").write_text(text)

        with pytest.raises(UsageError, match="write it yourself:\n  late:\n    # Drafted"):
            write(other, draft(project, "late", run_of(project)))

        assert (other.root / "mlops.yaml").read_text() == text

    @pytest.mark.parametrize(
        "name", ["no", "1", "ein Ding: # 'x'", "naïve 🙂", 'quote"', "a\nb", "\x07", "null", "{a}"]
    )
    def test_hostile_names_of_columns(self, tmp_path: Path, name: str) -> None:
        project = init(tmp_path / "flights")
        frame = flights(100, seed=2).rename(columns={"late": name})
        snapshot(project, frame, "test")

        made = draft(project, "late", run_of(project, None, "test@1"))
        write(project, made)

        label = open_project(project.root).settings.models["late"].evaluate.label
        assert label == made.policy.evaluate.label == name

    @pytest.mark.parametrize("value", [1e-05, 0.85, 3, -2.0, 1e20, "late", "off"])
    def test_values_are_read_as_they_were_written(self, value: object) -> None:
        import yaml

        assert yaml.safe_load(f"a: {_scalar(value)}") == {"a": value}


def test_the_draft_is_a_page_that_people_read(project: Project) -> None:
    made = draft(project, "late", run_of(project))

    lines = made.text.splitlines()

    assert lines[:2] == ["models:", "  late:"]
    assert max(map(len, lines)) <= 96
    assert sum("#" in line for line in lines) >= 2 * len(made.policy.checks)
    assert "      # the limit is the end of that interval, rounded." in lines


def test_many_classes(tmp_path: Path) -> None:
    project = init(tmp_path / "flights")
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"x": random.normal(size=300), "y": random.normal(size=300)})
    frame["kind"] = np.where(frame.x > 0.5, "a", np.where(frame.y > 0, "b", "c"))
    snapshot(project, frame, "train")
    model = LogisticRegression().fit(frame[["x", "y"]], frame["kind"])

    made = draft(project, "kind", run_of(project, model))

    compare = made.policy.checks[0].compare
    assert compare is not None
    assert compare.metric == "accuracy"
