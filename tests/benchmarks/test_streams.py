"""The benchmark of streams reads what it has built, each row once."""

import pytest
from streams import REGIONS, made_up, read

from region_perception.data.index import build_index


@pytest.mark.parametrize("count", [6, 40])
def test_made_up_rows_are_read_whole(tmp_path, count):
    index = build_index(tmp_path, "made-up", made_up(count), {})
    assert index.counts["rows"] == count
    assert not index.flaws
    assert read(tmp_path, 0, count // REGIONS) == count
