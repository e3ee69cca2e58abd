"""Scores of a segmentation: the true ones, and those that DaCapo would store.

Four of the criteria that DaCapo stores are not what they are called, because
of what SimpleITK's false positive error means. Here they are computed by their
definitions; ``as_stored=True`` repeats DaCapo's, for comparison with its files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.errors import ArrayFormatError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_dacapo.analysis.methods import SegmentableTask
    from napari_dacapo.volumes import Volume

__all__ = ["binary_scores", "instance_scores", "score"]

_NAN = float("nan")
_BINARY = ("distance", "hot_distance")


def score(
    segmentation: Volume, gt: Volume, task_config: SegmentableTask, *, as_stored: bool = False
) -> dict[str, float]:
    """Compare a segmentation with the ground truth, where both are known.

    Reads both volumes over the box that they share: not on the main thread.

    Parameters
    ----------
    segmentation, gt : Volume
        At the same voxel size. Of distance tasks each channel is compared
        with the gt channel of the same index.
    task_config : task config
        Decides on the criteria, and on tolerance and clipping (nanometres).
    as_stored : bool
        Repeat DaCapo's definitions instead of the true ones.

    Returns
    -------
    dict of str to float
        By the names that :func:`napari_dacapo.runs.criteria_for` gives; NaN
        where a score is not defined, as those of nothing are.

    Raises
    ------
    ArrayFormatError
        If the volumes do not fit together.
    UnsupportedError
        If there are no criteria for the task.
    """
    task_config = getattr(task_config, "sub_task_config", task_config)
    ours, theirs = _on_shared_box(segmentation, gt)
    if task_config.kind == "affinities":
        return instance_scores(ours[0], theirs[0])
    if task_config.kind not in _BINARY:
        raise UnsupportedError(f"There are no criteria for the task {task_config.name!r}.")
    if len(ours) != len(theirs):
        raise ArrayFormatError(
            f"The segmentation has {len(ours)} channels, but the ground truth {len(theirs)}."
        )
    names = tuple(getattr(task_config, "gt_channel_names", ()))
    names = names if len(names) == len(ours) > 1 else ("",) * len(ours)
    return {
        f"{channel}__{name}" if channel else name: value
        for channel, mask, truth in zip(names, ours, theirs, strict=True)
        for name, value in binary_scores(
            mask,
            truth,
            voxel_size=gt.voxel_size,
            tolerance=float(getattr(task_config, "tol_distance", 0.0)),
            clip=float(getattr(task_config, "clip_distance", np.inf)),
            as_stored=as_stored,
        ).items()
    }


def binary_scores(
    segmentation: NDArray[Any],
    gt: NDArray[Any],
    *,
    voxel_size: Sequence[float],
    tolerance: float,
    clip: float,
    as_stored: bool = False,
) -> dict[str, float]:
    """Compare two masks by DaCapo's 21 criteria.

    Parameters
    ----------
    segmentation, gt : numpy.ndarray
        Of one shape; foreground is what is not 0.
    voxel_size : sequence of float
        Nanometres along each axis.
    tolerance : float
        Errors up to this distance from the truth are none to the criteria
        with tolerance, nanometres.
    clip : float
        Distances count at most this much in the clipped criteria, nanometres.
    as_stored : bool
        Repeat DaCapo's definitions instead of the true ones.

    Returns
    -------
    dict of str to float
        In the order in which DaCapo stores them. Distances in nanometres,
        voi in bits; NaN where a criterion is not defined.
    """
    found, truth = segmentation != 0, gt != 0
    if found.shape != truth.shape:
        raise ArrayFormatError(f"Masks of shapes {found.shape} and {truth.shape} do not compare.")
    n_found, n_truth = int(found.sum()), int(truth.sum())
    if as_stored and not (n_found and n_truth):
        return _stored_of_nothing(one_of_them=bool(n_found or n_truth))
    both = int((found & truth).sum())
    extra, missed = n_found - both, n_truth - both
    outside = truth.size - n_truth
    recall = _ratio(both, n_truth)
    false_positive_rate = _ratio(extra, outside)
    if as_stored:
        discovery, precision = false_positive_rate, 1 - false_positive_rate
        false_positive_rate *= _ratio(n_found, outside)
        f1 = _harmonic(precision, recall)
    else:
        discovery, precision = _ratio(extra, n_found), _ratio(both, n_found)
        f1 = _ratio(2 * both, n_found + n_truth)
    extra_at, missed_at = _distances(found, truth, voxel_size)
    far_extra, far_missed = int((extra_at > tolerance).sum()), int((missed_at > tolerance).sum())
    near = n_found + missed - far_extra - far_missed
    tolerant_precision = _ratio(near, near + far_extra)
    tolerant_recall = _ratio(near, near + far_missed)
    extra_mean, missed_mean = _mean(extra_at), _mean(missed_at)
    extra_clipped, missed_clipped = (_mean(np.minimum(at, clip)) for at in (extra_at, missed_at))
    split, merge = _conditional_entropies(truth, found)
    return {
        "dice": _ratio(2 * both, n_found + n_truth),
        "jaccard": _ratio(both, n_found + missed),
        "hausdorff": max(_largest(extra_at), _largest(missed_at)),
        "false_negative_rate": _ratio(missed, n_truth),
        "false_negative_rate_with_tolerance": _ratio(far_missed, n_truth),
        "false_positive_rate": false_positive_rate,
        "false_discovery_rate": discovery,
        "false_positive_rate_with_tolerance": _ratio(far_extra, outside),
        "voi": split + merge,
        "mean_false_distance": (extra_mean + missed_mean) / 2,
        "mean_false_negative_distance": missed_mean,
        "mean_false_positive_distance": extra_mean,
        "mean_false_distance_clipped": (extra_clipped + missed_clipped) / 2,
        "mean_false_negative_distance_clipped": missed_clipped,
        "mean_false_positive_distance_clipped": extra_clipped,
        "precision_with_tolerance": tolerant_precision,
        "recall_with_tolerance": tolerant_recall,
        "f1_score_with_tolerance": _harmonic(tolerant_precision, tolerant_recall),
        "precision": precision,
        "recall": recall,
        "f1_score": f1,
    }


def instance_scores(segmentation: NDArray[Any], gt: NDArray[Any]) -> dict[str, float]:
    """Compare two label arrays; label 0 counts as any other.

    Parameters
    ----------
    segmentation, gt : numpy.ndarray
        Labels, of one shape.

    Returns
    -------
    dict of str to float
        voi_split, voi_merge and voi, which is the mean of the two; bits.
    """
    split, merge = _conditional_entropies(gt, segmentation)
    return {"voi_split": split, "voi_merge": merge, "voi": (split + merge) / 2}


def _on_shared_box(
    segmentation: Volume, gt: Volume
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Read the channels of two volumes over the box that they share."""
    from napari_dacapo.volumes import crop
    from napari_dacapo.volumes.geometry import intersect

    if segmentation.spatial_axes != gt.spatial_axes or not np.allclose(
        segmentation.voxel_size, gt.voxel_size
    ):
        raise ArrayFormatError(
            f"The segmentation has voxels of {segmentation.voxel_size} nm, the ground truth of "
            f"{gt.voxel_size} nm: they cannot be compared voxel by voxel."
        )
    shared = intersect(segmentation.roi, gt.roi)
    if shared is None:
        raise ArrayFormatError("Segmentation and ground truth do not overlap.")
    ours, theirs = _channels(crop(segmentation, shared)), _channels(crop(gt, shared))
    if ours[0].shape != theirs[0].shape:
        raise ArrayFormatError(
            f"Segmentation and ground truth lie {ours[0].shape} and {theirs[0].shape} voxels "
            "large in the box that they share: they are shifted by parts of a voxel."
        )
    return ours, theirs


def _channels(volume: Volume) -> list[NDArray[Any]]:
    elements = np.asarray(volume.data)
    if volume.channel_axis is None:
        return [elements]
    return list(np.moveaxis(elements, volume.channel_axis, 0))


def _distances(
    found: NDArray[Any], truth: NDArray[Any], voxel_size: Sequence[float]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how far found voxels are from the truth, and true ones from what was found."""
    from scipy.ndimage import distance_transform_edt

    if not (found.any() and truth.any()):
        return np.empty(0), np.empty(0)
    sampling = tuple(voxel_size)
    to_truth = distance_transform_edt(~truth, sampling=sampling)[found]
    to_found = distance_transform_edt(~found, sampling=sampling)[truth]
    return to_truth, to_found


def _conditional_entropies(reference: NDArray[Any], other: NDArray[Any]) -> tuple[float, float]:
    """Return H(other | reference) and H(reference | other) in bits."""
    if reference.shape != other.shape:
        raise ArrayFormatError(f"Labels of {reference.shape} and {other.shape} do not compare.")
    if reference.size == 0:
        return _NAN, _NAN
    _, rows = np.unique(reference.ravel(), return_inverse=True)
    _, columns = np.unique(other.ravel(), return_inverse=True)
    n_columns = int(columns.max()) + 1
    pairs = np.unique(rows.astype(np.int64) * n_columns + columns, return_counts=True)[1]
    joint = _entropy(pairs)
    return joint - _entropy(np.bincount(rows)), joint - _entropy(np.bincount(columns))


def _entropy(counts: NDArray[Any]) -> float:
    p = counts / counts.sum()
    return float(-(p * np.log2(p)).sum())


def _stored_of_nothing(*, one_of_them: bool) -> dict[str, float]:
    """Return what DaCapo stores where nothing was found, or nothing is to be found."""
    names = binary_scores(np.ones(1), np.ones(1), voxel_size=(1.0,), tolerance=0.0, clip=1.0)
    zero = {"dice", "jaccard", "false_discovery_rate"} if one_of_them else {"hausdorff"}
    return {name: 0.0 if name in zero else _NAN for name in names}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else _NAN


def _harmonic(a: float, b: float) -> float:
    return _ratio(2 * a * b, a + b)


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else _NAN


def _largest(values: NDArray[Any]) -> float:
    return float(values.max()) if values.size else _NAN
