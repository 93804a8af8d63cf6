from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from region_perception.cli import main


class Run:
    """What a command left behind."""

    def __init__(self, code, captured):
        self.code, self.out, self.err = code, captured.out, captured.err


@pytest.fixture
def run(capsys):
    """Runs the command in this process: run("caption", file, ...) -> code, out, err."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        return Run(code, capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A picture, depth, masks, a cloud, point rows and written regions."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    picture = np.full((48, 64, 3), 200, dtype=np.uint8)
    picture[10:30, 20:40] = (200, 30, 30)
    Image.fromarray(picture).save(folder / "picture.png")
    mask = np.zeros((48, 64), dtype=np.uint8)
    mask[10:30, 20:40] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    Image.fromarray(mask // 255).save(folder / "ones.png")
    np.save(folder / "mask.npy", mask > 0)
    Image.fromarray(np.full((48, 64), 1500, dtype=np.uint16)).save(folder / "depth.png")
    np.save(folder / "cloud.npy", rng.uniform(0, 1, (300, 3)).astype(np.float32))
    np.save(folder / "rows.npy", np.arange(20))
    np.save(folder / "chosen.npy", np.arange(300) < 20)
    (folder / "regions.json").write_text('[{"type": "box", "x1": 1, "y1": 2, "x2": 30, "y2": 40}]')
    return folder
