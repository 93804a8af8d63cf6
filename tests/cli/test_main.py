"""What every command does alike: exit codes, and what goes to which stream."""

import os
import shlex
import subprocess
import sys
import warnings

import pytest

import region_perception.cli.app
from region_perception.cli import main
from region_perception.errors import InputWarning, InvalidRegion


@pytest.fixture
def command(monkeypatch):
    """Puts a function in the place of all commands."""

    def put(function):
        monkeypatch.setattr(region_perception.cli.app, "run", lambda arguments: function())

    return put


def raising(error):
    def function():
        raise error

    return function


def test_a_known_error_is_one_message_and_code_2(command, capsys):
    command(raising(InvalidRegion("Box: it has no area")))
    assert main([]) == 2
    assert capsys.readouterr() == ("", "error: Box: it has no area\n")


def test_an_unknown_error_keeps_its_traceback(command):
    command(raising(ZeroDivisionError("a mistake of ours")))
    with pytest.raises(ZeroDivisionError):
        main([])


def test_an_interrupt_is_code_130(command, capsys):
    command(raising(KeyboardInterrupt()))
    assert main([]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "region_perception.cli", "models"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


def test_a_closed_standard_output_is_no_error():
    command = f"{shlex.quote(sys.executable)} -m region_perception.cli models >&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_letters_that_the_terminal_lacks_are_escaped(folder, tmp_path):
    (tmp_path / "tür.png").write_bytes((folder / "picture.png").read_bytes())
    command = [sys.executable, "-m", "region_perception.cli", "info", str(tmp_path / "tür.png")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert "t\\xfcr.png" in done.stdout


def test_warnings_are_short_notes_each_once(command, capsys):
    def warn():
        for message in ("clipped", "clipped", "dropped"):
            warnings.warn(message, InputWarning, stacklevel=1)

    command(warn)
    assert main([]) == 0
    assert capsys.readouterr() == ("", "note: clipped\nnote: dropped\n")


def test_warnings_are_as_before_afterwards(command):
    before = warnings.showwarning
    command(lambda: None)
    main([])
    assert warnings.showwarning is before


def test_other_warnings_stay_what_they_are(command):
    command(lambda: warnings.warn("of some library", DeprecationWarning, stacklevel=1))
    with pytest.warns(DeprecationWarning, match="of some library"):
        main([])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["caption", "ask", "find", "models", "info", "demo", "simulate"]),
        (["caption", "--help"], ["--box", "--mask", "--polygon", "--scribble", "--click", "--box3d", "--click3d"]),
        (["caption", "--help"], ["--points", "--regions", "--depth", "--intrinsics", "--as-cloud", "--draw", "--json"]),
        (["ask", "--help"], ["QUESTION", "--model", "--base", "--device", "--dtype", "--untrained", "--beams"]),
        (["find", "--help"], ["TEXT", "--box", "--draw"]),
        (["info", "--help"], ["FILE|MODEL"]),
        (["demo", "--help"], ["--out", "--seed", "--scene", "--size", "--model", "--untrained"]),
    ],
)
def test_help_names_what_there_is(run, arguments, words):
    done = run(*arguments)
    assert done.code == 0
    for word in words:
        assert word in done.out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["describe", "x.png"],
        ["caption"],
        ["caption", "x.png", "--box", "1", "2", "3"],
        ["caption", "x.png", "--box", "1", "2", "3", "four"],
        ["caption", "x.png", "--nonsense"],
        ["caption", "x.png", "--dtype", "int8"],
        ["ask", "x.png"],
        ["models", "surplus"],
    ],
)
def test_wrong_usage_is_code_2_with_nothing_on_standard_output(run, arguments):
    done = run(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["caption", "missing.png"], "no such file"),
        (["caption", "."], "folder"),
        (["caption", "{folder}/picture.png", "--box", 100, 100, 200, 200], "outside the image"),
        (["caption", "{folder}/picture.png", "--box3d", 1, 2, 3, 1, 1, 1], "this is an image"),
        (["caption", "{folder}/cloud.npy", "--box", 1, 2, 3, 4], "this is a cloud"),
        (["caption", "{folder}/cloud.npy", "--box3d", 9, 9, 9, 1, 1, 1], "No point of the cloud"),
        (["caption", "{folder}/cloud.npy", "--points", "{folder}/picture.png"], "--points"),
        (["caption", "{folder}/picture.png", "--mask", "{folder}/rows.npy"], "Mask"),
        (["caption", "{folder}/picture.png", "--depth", "{folder}/cloud.npy"], "depth"),
        (["caption", "{folder}/picture.png", "--intrinsics", 0, 1, 2, 3], "fx must be above 0"),
        (["caption", "{folder}/picture.png", "--intrinsics", 60, 60, 32, 24, "--as-cloud"], "depth"),
        (["caption", "{folder}/picture.png", "--as-cloud"], "cloud"),
        (["caption", "{folder}/picture.png", "--draw", "{folder}/none/x.png"], "there is no folder"),
        (["caption", "{folder}/picture.png", "--draw", "{folder}/x.pdf"], "expected a name that ends in .png"),
        (["caption", "{folder}/picture.png", "--model", "no-such-model"], "no model 'no-such-model'"),
        (["caption", "{folder}/picture.png", "--untrained", "--model", "other"], "other"),
        (["caption", "{folder}/picture.png", "--untrained", "--device", "gpu7"], "device is 'gpu7'"),
        (["caption", "{folder}/picture.png", "--untrained", "--beams", 0], "beams is 0"),
        (["caption", "{folder}/picture.png", "--untrained", "--max-tokens", 10**6], "max_tokens is 1000000"),
        (["ask", "{folder}/picture.png", " ", "--untrained"], "question is empty"),
        (["find", "{folder}/picture.png", "", "--untrained", "--box", 1, 2, 3, 4], "description is empty"),
        (["info", "missing.png"], "no such file"),
        (["info", "no-such-model"], "no model 'no-such-model'"),
        (["info", "{folder}"], "not a model folder"),
        (["demo", "--untrained", "--out", "{folder}/picture.png/x"], "cannot be made"),
        (["demo", "--untrained", "--out", "{folder}/picture.png"], "cannot be made"),
        (["demo", "--untrained", "--out", "{folder}/out", "--seed", -1], "seed is -1"),
        (["demo", "--untrained", "--out", "{folder}/out", "--scene", 10**9], "scene 1,000,000,000 of 'test'"),
        (["demo", "--untrained", "--out", "{folder}/out", "--size", 4, 4], "8 to 4096 pixels"),
        (["demo", "--model", "no-such-model", "--out", "{folder}/out"], "no model 'no-such-model'"),
        (["caption", "{folder}/picture.png", "--untrained", "--seed", 10**30], "seed is 1000"),
        (["caption", "{folder}/picture.png", "--draw", "{folder}/../{folder.name}/picture.png"], "the file to look at"),
    ],
)
def test_bad_input_is_code_2_and_one_message(run, folder, arguments, message):
    done = run(*(str(argument).format(folder=folder) for argument in arguments))
    assert done.code == 2
    assert done.out == ""
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.err
    assert message in done.err
    assert "Traceback" not in done.err
