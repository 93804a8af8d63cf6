"""Point clouds from LAS and LAZ files, through laspy."""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from region_perception.errors import InvalidObservation, MissingDependency
from region_perception.observations.cloud_arrays import check_point_count


def read_las(path: Path, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Coordinates (float64 [N, 3], scale and offset applied) and colours (uint16 [N, 3], where the format has them)."""
    try:
        import laspy
    except ImportError as error:
        raise MissingDependency("reading LAS and LAZ needs laspy: pip install 'region_perception[cloud]'") from error
    try:
        _check_claims(path, name)
        # The sequential reader: the parallel one ends the process at some broken files.
        with laspy.open(path, laz_backend=laspy.LazBackend.Lazrs) as file:
            promised = file.header.point_count
            cloud = file.read()
    except (InvalidObservation, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # whatever laspy and lazrs raise; a panic in lazrs is not even an Exception
        raise InvalidObservation(f"{name}: it is broken or truncated ({error})") from error
    if len(cloud) < promised:
        raise InvalidObservation(
            f"{name}: truncated, its header promises {promised:,} points and {len(cloud):,} are there"
        )
    if "red" not in cloud.point_format.dimension_names:
        return cloud.xyz, None
    return cloud.xyz, np.stack([cloud.red, cloud.green, cloud.blue], axis=1)


def _check_claims(path: Path, name: str) -> None:
    """Refuses counts that the file has no room for, before anything trusts them.

    laspy loops over as many records as are claimed, and lazrs ends the process when it cannot reserve memory for as
    many chunks. The numbers in the code are byte positions in the public header block of the LAS 1.4 specification.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(375)
        header_size, points_start, records = struct.unpack_from("<HII", header, 94)
        if header_size + 54 * records > points_start or points_start > size:
            raise InvalidObservation(f"{name}: it is broken or truncated ({records:,} records, {size:,} bytes)")
        if header[25] >= 4:
            extra_start, extra_records = struct.unpack_from("<QI", header, 235)
            if extra_records and extra_start + 60 * extra_records > size:
                raise InvalidObservation(f"{name}: it is broken or truncated ({extra_records:,} extended records)")
        count = (
            struct.unpack_from("<Q", header, 247)[0] if header[25] >= 4 else struct.unpack_from("<I", header, 107)[0]
        )
        check_point_count(count, name)
        if header[104] & 0x80:  # compressed
            _check_chunks(file, points_start, count, name)


def _check_chunks(file: BinaryIO, points_start: int, point_count: int, name: str) -> None:
    file.seek(points_start)
    (table_start,) = struct.unpack("<q", file.read(8))
    if table_start == -1:  # a writer that could not seek back left the place at the end of the file
        file.seek(-8, 2)
        (table_start,) = struct.unpack("<q", file.read(8))
    file.seek(table_start)
    _, chunks = struct.unpack("<II", file.read(8))
    if chunks > point_count + 1:
        raise InvalidObservation(f"{name}: it is broken ({chunks:,} compressed chunks for {point_count:,} points)")
