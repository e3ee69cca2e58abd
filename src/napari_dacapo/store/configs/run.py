"""The config of a run, with all parts in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PlainValidator, PrivateAttr, ValidationError

from napari_dacapo.errors import BrokenFileError
from napari_dacapo.store.configs.architectures import ArchitectureConfig
from napari_dacapo.store.configs.base import Config, describe, member, optional_member, structure
from napari_dacapo.store.configs.datasplits import DataSplitConfig
from napari_dacapo.store.configs.starts import BaseStartConfig
from napari_dacapo.store.configs.tasks import TaskConfig
from napari_dacapo.store.configs.trainers import GunpowderTrainerConfig, TrainerConfig

if TYPE_CHECKING:
    from napari_dacapo.options import Options

__all__ = ["RunConfig"]


class RunConfig(Config):
    """All that a run was told to do.

    A file of which only a part can be understood gives a config, too: what
    cannot be understood has its default (0 for numbers) or is of an
    ``Unknown…`` kind, and ``problem`` says so.

    Attributes
    ----------
    repetition, num_iterations, validation_interval : int
        0 if not known.
    problem : str or None
        What is wrong with the stored config, in one line.
    """

    repetition: int = 0
    num_iterations: int = Field(default=0, ge=0)
    validation_interval: int = Field(default=0, ge=0)
    start_config: Annotated[
        BaseStartConfig | None, PlainValidator(optional_member(BaseStartConfig))
    ] = None
    task_config: Annotated[TaskConfig, PlainValidator(member(TaskConfig))] = Field(
        default_factory=lambda: structure(TaskConfig, None)
    )
    architecture_config: Annotated[
        ArchitectureConfig, PlainValidator(member(ArchitectureConfig))
    ] = Field(default_factory=lambda: structure(ArchitectureConfig, None))
    trainer_config: Annotated[TrainerConfig, PlainValidator(member(TrainerConfig))] = Field(
        default_factory=lambda: structure(TrainerConfig, None)
    )
    datasplit_config: Annotated[DataSplitConfig, PlainValidator(member(DataSplitConfig))] = Field(
        default_factory=lambda: structure(DataSplitConfig, None)
    )
    batch_size: int | None = None
    num_workers: int | None = None
    learning_rate: float | None = None
    snapshot_interval: int | None = None

    _problem: str | None = PrivateAttr(default=None)
    _options: Any = PrivateAttr(default=None)

    @property
    def type_name(self) -> str:
        """Empty: DaCapo writes no ``__type__`` for runs."""
        return ""

    @property
    def problem(self) -> str | None:
        """What is wrong with the stored config, in one line; None if nothing is."""
        return self._problem

    @property
    def options(self) -> Options | None:
        """The store that the config was read from; None for one made by hand."""
        options: Options | None = self._options
        return options

    @property
    def effective_batch_size(self) -> int | None:
        """From the run (main) or its trainer (up to 0.3.5)."""
        value: int | None = self._of_trainer("batch_size")
        return value

    @property
    def effective_learning_rate(self) -> float | None:
        """From the run (main) or its trainer (up to 0.3.5)."""
        value: float | None = self._of_trainer("learning_rate")
        return value

    @property
    def effective_snapshot_interval(self) -> int | None:
        """From the run (main) or its trainer (up to 0.3.5)."""
        value: int | None = self._of_trainer("snapshot_interval")
        return value

    def _of_trainer(self, field: str) -> Any:
        value = getattr(self, field)
        if value is None and isinstance(self.trainer_config, GunpowderTrainerConfig):
            return getattr(self.trainer_config, field)
        return value

    @classmethod
    def from_dict(
        cls, raw: dict[str, Any], *, name: str = "", options: Options | None = None
    ) -> RunConfig:
        """Make a config from what was read; parts that make no sense are told of.

        Parameters
        ----------
        raw : dict
            The mapping of the YAML file or the document of the database.
        name : str
            What the store calls the run. It is what all other files of the run
            go by, so it wins over a different ``name`` inside.
        options : Options, optional
            The store.
        """
        values = {key: item for key, item in raw.items() if isinstance(key, str)}
        found: list[str] = []
        if name:
            stored = values.get("name")
            if stored is None:
                found.append("name is missing")
            elif stored != name:
                found.append(f"it calls itself {stored!r:.80}")
            values["name"] = name
        found.extend(f"{key} is missing" for key in _REQUIRED if key not in values)
        problems = list(found)
        try:
            config = cls.model_validate(values, context={"problems": problems})
        except RecursionError:
            raise BrokenFileError(
                f"The config of run {values.get('name')!r:.80} is nested too deeply."
            ) from None
        except ValidationError as error:
            # Once more without the fields that failed, so that the others survive.
            bad = {str(item["loc"][0]) for item in error.errors(include_url=False)}
            values = {key: item for key, item in values.items() if key.lstrip("_") not in bad}
            problems = [*found, describe(error)]
            config = cls.model_validate(values, context={"problems": problems})
        config._raw = raw
        config._problem = "; ".join(dict.fromkeys(problems)) or None
        config._options = options
        return config


_REQUIRED = (
    "num_iterations",
    "validation_interval",
    "task_config",
    "architecture_config",
    "trainer_config",
    "datasplit_config",
)
