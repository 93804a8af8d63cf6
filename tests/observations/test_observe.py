"""Which of the two an observation is."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from region_perception.errors import InvalidObservation
from region_perception.observations import CloudObservation, ImageObservation, observe, observe_cloud, observe_image


def test_arrays_that_can_only_be_images() -> None:
    for array in (
        np.zeros((4, 5, 3), np.uint8),
        np.ones((4, 5, 4), np.uint8),
        np.zeros((4, 5), np.uint8),
        np.ones((4, 5, 4)),
        np.zeros((4, 5, 1)),
    ):
        assert isinstance(observe(array), ImageObservation), array.shape


def test_arrays_that_can_only_be_clouds() -> None:
    for array in (np.zeros((4, 3)), np.zeros((4, 6)), np.zeros((4, 3), np.int64), [[1.0, 2.0, 3.0]]):
        assert isinstance(observe(array), CloudObservation)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5, 3)),
        np.zeros((4, 5, 6)),
        np.zeros((4, 3), np.uint8),
        np.zeros((4, 5)),
        np.zeros((4, 4)),
        np.zeros(3),
        np.zeros((1, 4, 5, 3)),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_what_could_be_both_is_refused_with_the_way_to_say_which(array: np.ndarray) -> None:
    with pytest.raises(InvalidObservation, match=r"observe_image\(\.\.\.\) or observe_cloud\(\.\.\.\)"):
        observe(array)


def test_arguments_of_only_one_of_them_decide() -> None:
    organised = np.full((4, 5, 3), 0.5)
    assert isinstance(observe(organised, depth=np.ones((4, 5))), ImageObservation)
    assert isinstance(observe(organised, intrinsics=(9, 9, 2, 2)), ImageObservation)
    assert isinstance(observe(organised, colors=organised), CloudObservation)
    with pytest.raises(InvalidObservation, match="belong to an image, colors to a cloud"):
        observe(organised, depth=np.ones((4, 5)), colors=organised)
    with pytest.raises(InvalidObservation, match="point cloud"):
        observe(observe_cloud(np.zeros((2, 3))), depth=np.ones((4, 5)))


def test_files_by_suffix_and_content(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "image.png")
    (tmp_path / "image.png").rename(tmp_path / "no_suffix")
    assert isinstance(observe(tmp_path / "no_suffix"), ImageObservation)
    (tmp_path / "cloud.xyz").write_text("1 2 3\n")
    assert isinstance(observe(str(tmp_path / "cloud.xyz")), CloudObservation)
    np.save(tmp_path / "image.npy", np.zeros((4, 5, 3), np.uint8))
    assert isinstance(observe(tmp_path / "image.npy"), ImageObservation)
    np.save(tmp_path / "cloud.npy", np.zeros((4, 3)))
    assert isinstance(observe(tmp_path / "cloud.npy"), CloudObservation)
    np.save(tmp_path / "both.npy", np.zeros((4, 5, 3)))
    with pytest.raises(InvalidObservation, match=r"both\.npy.* could be an image or a cloud"):
        observe(tmp_path / "both.npy")


def test_objects_by_type() -> None:
    picture = Image.new("RGB", (4, 3))
    file = io.BytesIO()
    picture.save(file, "PNG")
    for source in (picture, file.getvalue(), io.BytesIO(file.getvalue()), observe_image(picture)):
        assert isinstance(observe(source), ImageObservation)
    o3d = pytest.importorskip("open3d")
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(np.zeros((2, 3))))
    assert isinstance(observe(cloud), CloudObservation)
    assert isinstance(observe(observe_cloud(cloud)), CloudObservation)
