"""`region-perception bag`, as it is typed."""

from pathlib import Path

import pytest
from recording import Recorded, contents, read, record

from region_perception.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["bag", *map(str, arguments), "--untrained", "--max-tokens", "4"])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_bag_is_captioned(recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out.mcap"
    code, said, notes = run(capsys, recorded.path, "--out", out, "--regions", "/regions_2d", "--captions", "/told")
    assert (code, said) == (0, f"6 captions for 3 times regions: {out}\n")
    assert "note: read image /camera/image_raw; depth /camera/depth/image_raw" in notes
    assert "what it says there means nothing" in notes
    assert [len(message.captions) for _, message in read(out, "/told")] == [2, 2, 2]


def test_what_was_wrong_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def cut(messages: list) -> list:
        return [(topic, time, kind, raw[:200] if "points" in topic else raw) for topic, time, kind, raw in messages]

    source = record(tmp_path / "in", "sqlite3", 2, change=cut)
    code, said, notes = run(capsys, source.path, "--out", tmp_path / "out", "--regions", "/regions_3d")
    assert (code, said) == (0, f"0 captions for 2 times regions, 4 regions refused: {tmp_path / 'out'}\n")
    assert "note: skipped: /camera/points: 2 x INVALID_CLOUD; the first at 1700000000.000 s: " in notes
    assert sorted(each for each in contents(tmp_path / "out") if not each[0].startswith("/region_")) == sorted(
        contents(source.path)
    )


def test_what_cannot_be_used_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, said, notes = run(capsys, tmp_path / "nothing.mcap", "--out", tmp_path / "out.mcap")
    assert (code, said) == (2, "")
    assert notes.splitlines()[-1] == f"error: {tmp_path / 'nothing.mcap'}: there is no such file or folder"
