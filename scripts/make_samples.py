"""Pack the sample runs that the package ships.

    python scripts/make_samples.py FOLDER_OF_THE_DEMO_STORE

FOLDER is a store (``configs``, ``stats``, run folders) written by DaCapo that holds the runs
``mito_distance`` and ``cell_affinities``. Files go in byte by byte as DaCapo wrote them; only
*which* files is chosen here, so that the wheel stays under 12 MB. The archive is the same for the
same input, whoever makes it and whenever.
"""

from __future__ import annotations

import argparse
import io
import lzma
import re
import tarfile
from pathlib import Path

ARCHIVE = Path(__file__).parents[1] / "src" / "napari_dacapo" / "data" / "samples.tar.xz"
MTIME = 1757635200  # 2025-09-12: the age of the DaCapo that wrote the runs
DICTIONARY = 64 << 20  # wider than the archive: both runs hold copies of the same raw

# What is shipped, as patterns of whole paths below the store.
SHIPPED = tuple(
    re.compile(pattern)
    for pattern in (
        r"configs/.*\.yaml",
        r"stats/.*",
        r"[^/]+/validation\.zarr/inputs/.*",
        # All of it: it gets better with every validation but one.
        r"mito_distance/validation\.zarr/\d+/.*",
        r"mito_distance/checkpoints/iterations/\d+",
        # Six channels compress badly: the last validation, with all its segmentations. The early
        # checkpoint has no stored prediction, but one can be computed.
        r"cell_affinities/validation\.zarr/1350/.*",
        r"cell_affinities/checkpoints/iterations/(450|1350)",
    )
)


def shipped_files(store: Path) -> list[str]:
    """Return the paths below `store` that are shipped, in the order of the archive."""
    found = (path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file())
    return sorted(name for name in found if any(p.fullmatch(name) for p in SHIPPED))


def pack(store: Path) -> bytes:
    """Return the files in one, without owners, modes or times of this computer."""
    tar_bytes = io.BytesIO()
    with tarfile.open(fileobj=tar_bytes, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in shipped_files(store):
            content = (store / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), MTIME, 0o644
            tar.addfile(entry, io.BytesIO(content))
    return tar_bytes.getvalue()


def compress(content: bytes, preset: int) -> bytes:
    """Return the archive as it is shipped; high presets take most of a minute."""
    extreme = lzma.PRESET_EXTREME if preset == 9 else 0
    filters = [{"id": lzma.FILTER_LZMA2, "preset": preset | extreme, "dict_size": DICTIONARY}]
    return lzma.compress(content, format=lzma.FORMAT_XZ, filters=filters)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path, help="folder of the demo store")
    parser.add_argument("--output", type=Path, default=ARCHIVE)
    parser.add_argument("--preset", type=int, default=9, help="effort of compression, 0 to 9")
    arguments = parser.parse_args()
    packed = compress(pack(arguments.store), arguments.preset)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_bytes(packed)
    print(f"{arguments.output}: {len(packed) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
