"""All that ``mlops.yaml`` can say."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mlops_jupyter.config.gate import Model
from mlops_jupyter.config.pipeline import Pipeline
from mlops_jupyter.config.section import Name, Strict, size_in_bytes
from mlops_jupyter.errors import did_you_mean


class MlflowSettings(Strict, frozen=True):
    """Where MLflow keeps its runs and models."""

    tracking_uri: Annotated[
        str | None,
        Meta(description="A team's MLflow server. Default: the database in .mlops/mlflow."),
    ] = None
    experiment: Annotated[
        str | None, Meta(description="The MLflow experiment. Default: the folder's name.")
    ] = None


class MirrorSettings(Strict, frozen=True):
    """The process that copies finished runs to MLflow."""

    idle_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="How long it waits for more work before it ends.")
    ] = 30.0
    retry_seconds: Annotated[
        float, Meta(ge=0, description="How long it goes on trying while MLflow is away.")
    ] = 3600.0


class CaptureSettings(Strict, frozen=True):
    """What kernels record by themselves."""

    auto_load: Annotated[
        bool, Meta(description="Record in every kernel of the project, without %load_ext.")
    ] = False
    figures: Annotated[
        bool, Meta(description="Keep the figures and tables that cells show, of tracked ones too.")
    ] = True
    track_fits: Annotated[
        bool, Meta(description="A cell that fits a model becomes a run, without %%track.")
    ] = False
    files: Annotated[
        Literal["snapshot", "digest", "off"],
        Meta(
            description="Files that cells read and write. snapshot: each becomes a data version."
            " digest: their digests are recorded. off: nothing is."
        ),
    ] = "digest"
    files_limit: Annotated[
        int | str,
        Meta(description="With files: snapshot, the largest file kept: in bytes, or as 200 MB."),
    ] = "1 GiB"

    def __post_init__(self) -> None:
        size_in_bytes(self.files_limit, "files_limit")

    @property
    def files_limit_bytes(self) -> int:
        """The largest file that becomes a data version by itself."""
        return size_in_bytes(self.files_limit, "files_limit")


class RemoteSettings(Strict, frozen=True):
    """Where `mlops push` and `mlops pull` share data versions and runs."""

    url: Annotated[
        str | None,
        Meta(description="A folder, or an address that fsspec knows: s3://bucket/path, gs://…."),
    ] = None
    endpoint: Annotated[
        str | None,
        Meta(description="Address of an S3 server that is not Amazon's, http://minio:9000."),
    ] = None
    trust: Annotated[
        bool,
        Meta(description="Unpickle values and models that came from there. They can run code."),
    ] = False


class Keep(Strict, frozen=True):
    """How long versions of a dataset are kept. Give `versions`, or `days`, or both."""

    versions: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="The newest ones, however old they are."),
    ] = None
    days: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="All that are younger, however many they are."),
    ] = None

    def __post_init__(self) -> None:
        if self.versions is None and self.days is None:
            raise ValueError("give `versions` or `days`, or write `all`")


class DataSettings(Strict, frozen=True):
    """Data versions."""

    keep: Annotated[
        dict[Name, Keep | Literal["all"]],
        Meta(
            description="By dataset, and `default`: which versions `mlops gc` leaves, beside "
            "those that something needs. Default: all."
        ),
    ] = {}


class Settings(Strict, frozen=True):
    """The whole of ``mlops.yaml``."""

    version: Annotated[Literal[1], Meta(description="Version of this file's format.")] = 1
    mlflow: MlflowSettings = MlflowSettings()
    mirror: MirrorSettings = MirrorSettings()
    capture: CaptureSettings = CaptureSettings()
    remote: RemoteSettings = RemoteSettings()
    data: DataSettings = DataSettings()
    pipelines: dict[Name, Pipeline] = {}
    models: dict[Name, Model] = {}

    def __post_init__(self) -> None:
        for name, model in self.models.items():
            if model.pipeline is not None and model.pipeline not in self.pipelines:
                hint = did_you_mean(model.pipeline, self.pipelines)
                known = hint or "no pipeline is declared yet, see `mlops pipeline build`"
                raise ValueError(
                    f"model {name!r} names an unknown pipeline {model.pipeline!r}; {known}"
                )
