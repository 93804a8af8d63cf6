"""Files that are kept: what stands in the way is told in words."""

import errno
import fcntl

import pytest

from region_perception.data.kept_files import alone
from region_perception.errors import TrainingError


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(
            TrainingError, match=r"nothing can be kept in .*features, as .*\.lock cannot be locked: .*No locks"
        ),
        alone(tmp_path / "features"),
    ):
        pytest.fail("nobody else is kept out")
