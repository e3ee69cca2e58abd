"""The datasets of a run: raw, gt and mask, wherever they can be had."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal

from napari_dacapo.errors import ArrayNotFoundError, NapariDacapoError
from napari_dacapo.samples import is_sample_store
from napari_dacapo.volumes import Identity, Volume

if TYPE_CHECKING:
    from napari_dacapo.runs.run import Run
    from napari_dacapo.store.configs import ArrayConfig, DatasetConfig

__all__ = ["COPY_NOTE", "SAMPLE_NOTE", "Dataset"]

Split = Literal["train", "validate"]
InputRole = Literal["raw", "gt", "mask"]

_COPY = "copy that the validation made"
COPY_NOTE = (
    f"the {_COPY}; the original is out of reach. Add its folder to the path map to see all of it."
)
SAMPLE_NOTE = "the part that comes with the sample runs."


class Dataset:
    """Arrays that belong together, by name; opened when they are asked for.

    Parameters
    ----------
    run : Run
        Whose dataset it is.
    config : DatasetConfig
        From the run's datasplit, or as found by its rules.
    split : {"train", "validate"}
        What it is used for.

    Attributes
    ----------
    run, config, split
        As given.
    """

    def __init__(self, run: Run, config: DatasetConfig, split: Split) -> None:
        self.run = run
        self.config = config
        self.split: Split = split

    def __repr__(self) -> str:
        return f"<Dataset {self.name!r} ({self.split}) of run {self.run.name!r}>"

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.config.name

    @property
    def weight(self) -> float | None:
        """How often it is drawn in training, relative to others."""
        return getattr(self.config, "weight", None)

    @property
    def raw(self) -> Volume:
        """What the network sees.

        Raises
        ------
        ArrayNotFoundError
            If neither the original nor a copy can be reached; the message
            says which folder to map.
        """
        return self._array("raw")

    @property
    def gt(self) -> Volume:
        """What the network is to learn.

        Raises
        ------
        ArrayNotFoundError
            As for :attr:`raw`, or if the dataset has none.
        """
        return self._array("gt")

    @property
    def mask(self) -> Volume:
        """Where the ground truth counts.

        Raises
        ------
        ArrayNotFoundError
            As for :attr:`raw`, or if the dataset has none.
        """
        return self._array("mask")

    @property
    def raw_or_none(self) -> Volume | None:
        """:attr:`raw`, None if it cannot be had."""
        return self._array_or_none("raw")

    @property
    def gt_or_none(self) -> Volume | None:
        """:attr:`gt`, None if it cannot be had."""
        return self._array_or_none("gt")

    @property
    def mask_or_none(self) -> Volume | None:
        """:attr:`mask`, None if it cannot be had or the dataset has none."""
        return self._array_or_none("mask")

    def copy(self, role: Literal["raw", "gt"]) -> Volume | None:
        """Return the copy that the first validation made, None if there is none.

        Parameters
        ----------
        role : {"raw", "gt"}
            Which of the two. raw is cut to what the network needs to see of
            it to predict where gt is.
        """
        copy = self._copies.get(role)
        return self.placed(copy) if isinstance(copy, Volume) else None

    def placed(self, volume: Volume) -> Volume:
        """Return an array that a validation wrote, in the place and unit of the data.

        Parameters
        ----------
        volume : Volume
            As its files have it; they name no unit, and DaCapo 0.3.5 writes
            the offset in voxels.
        """
        from napari_dacapo.volumes import in_unit, repair_offset

        # Validations cover gt: where it is says most reliably how an offset is meant.
        gt = self._original("gt")
        reference = in_unit(gt, self.unit).roi if isinstance(gt, Volume) else None
        return repair_offset(in_unit(volume, self.unit), reference)

    def why_not(self, role: InputRole) -> str | None:
        """Return why an array cannot be had; None if it can, or if there is none to be had."""
        if role == "mask" and self.array_config("mask") is None:
            return None
        try:
            self._array(role)
        except NapariDacapoError as error:
            return str(error)
        return None

    def array_config(self, role: InputRole) -> ArrayConfig | None:
        """Return the config of an array, None if the dataset has none.

        That of a dataset which a simple datasplit found is made by its rules.
        """
        from napari_dacapo.runs.datasplit import simple_array_config
        from napari_dacapo.store.configs import SimpleDataset

        if isinstance(self.config, SimpleDataset):
            return simple_array_config(self.config, role, self.run.store.options)
        config: ArrayConfig | None = getattr(self.config, f"{role}_config", None)
        return config

    @cached_property
    def unit(self) -> tuple[float, ...] | None:
        """Nanometres in one of the unit of the data, for each spatial axis; None if none is named.

        That of raw, or else of gt. DaCapo computes with the numbers that the
        data have, and what it writes has no unit: all arrays of a dataset are
        in this one. Where the data are out of reach it is the one that the
        run is trained on.
        """
        originals = [self._original("raw"), self._original("gt")]
        opened = [volume for volume in originals if isinstance(volume, Volume)]
        others = self.run.datasplit.train[:1]
        if not opened and others and others[0] is not self:
            return others[0].unit
        return next((volume.unit for volume in opened if volume.unit is not None), None)

    @cached_property
    def _originals(self) -> dict[InputRole, Volume | NapariDacapoError]:
        return {}

    @cached_property
    def _opened(self) -> dict[InputRole, Volume | NapariDacapoError]:
        return {}

    @cached_property
    def _copies(self) -> dict[str, Volume | NapariDacapoError]:
        if self.split != "validate":
            return {}
        from napari_dacapo.runs.stored_arrays import input_copies

        return input_copies(self.run, self.name)

    def _array(self, role: InputRole) -> Volume:
        if role not in self._opened:
            try:
                self._opened[role] = self._open(role)
            except NapariDacapoError as error:
                self._opened[role] = error
        opened = self._opened[role]
        if isinstance(opened, NapariDacapoError):
            raise opened
        return opened

    def _array_or_none(self, role: InputRole) -> Volume | None:
        try:
            return self._array(role)
        except NapariDacapoError:
            return None

    def _open(self, role: InputRole) -> Volume:
        from napari_dacapo.volumes import in_unit

        original = self._original(role)
        if isinstance(original, Volume):
            return in_unit(original, self.unit)
        problem = original
        if self.array_config(role) is None:
            raise problem
        # A path map that does not count may be why the original is out of reach.
        notes = self.run.store.options.notes if isinstance(problem, ArrayNotFoundError) else ()
        # The copies are none of the mask, and only of what was validated.
        copy = self._copies.get(role)
        if isinstance(copy, Volume):
            copy = self.placed(copy)
            is_sample = is_sample_store(str(self.run.store.options.runs_base_dir))
            return copy.with_notes(SAMPLE_NOTE if is_sample else COPY_NOTE, *notes)
        more = [] if copy is None else [f"The {_COPY} cannot be read either: {copy.message}"]
        todo = " ".join(part for part in (problem.todo, *notes) if part)
        message = " ".join((problem.message, *more))
        raise type(problem)(message, todo=todo, path=problem.path) from problem

    def _original(self, role: InputRole) -> Volume | NapariDacapoError:
        """Open what the config describes, in its own unit; return why not where it fails."""
        if role not in self._originals:
            self._originals[role] = self._open_original(role)
        return self._originals[role]

    def _open_original(self, role: InputRole) -> Volume | NapariDacapoError:
        from napari_dacapo.volumes import volume_from_config
        from napari_dacapo.volumes.levels import OME_IGNORED

        whose = f"Dataset {self.name} of run {self.run.name}"
        config = self.array_config(role)
        if config is None:
            return ArrayNotFoundError(f"{whose} has no {role}.")
        try:
            build = partial(
                volume_from_config,
                config,
                options=self.run.store.options,
                identity=Identity(self.run.name, self.name, role, store=self.run.store.label),
                kind="image" if role == "raw" else "labels",
            )
            volume = build()
            copy = self._copies.get(role) if OME_IGNORED in volume.notes else None
            if isinstance(copy, Volume) and not _same_grid(volume, copy):
                # What DaCapo wrote says what it saw.
                heeded = build(ome="corner")
                volume = heeded if _same_grid(heeded, copy) else volume
        except NapariDacapoError as error:
            return error
        except OSError as error:
            return ArrayNotFoundError(f"{whose}: {role} cannot be read: {error}.")
        return self._named(volume, role)

    def _named(self, volume: Volume, role: InputRole) -> Volume:
        task = self.run.task
        if role == "gt" and volume.channel_axis is None and task.class_names:
            return volume.with_(class_names=dict(enumerate(task.class_names)))
        return volume


def _same_grid(volume: Volume, copy: Volume) -> bool:
    """Tell whether voxels are of one size, in the numbers that the files have."""
    sizes = [
        [size / unit for size, unit in zip(v.voxel_size, v.unit or ones, strict=True)]
        for v in (volume, copy)
        for ones in [(1.0,) * len(v.voxel_size)]
    ]
    return sizes[0] == sizes[1]
