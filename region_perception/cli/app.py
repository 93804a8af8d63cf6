"""All commands, with what their help says. Nothing slow is imported before a command runs."""

import sys
from collections.abc import Sequence

import tyro

from region_perception.cli.ask import ask
from region_perception.cli.bag import bag
from region_perception.cli.calibrate import calibrate
from region_perception.cli.caption import caption
from region_perception.cli.data import data
from region_perception.cli.demo import demo
from region_perception.cli.evaluate import evaluate
from region_perception.cli.find import find
from region_perception.cli.info import info
from region_perception.cli.join import join
from region_perception.cli.models import models
from region_perception.cli.ros import ros
from region_perception.cli.simulate import simulate
from region_perception.cli.train import train
from region_perception.cli.weights import weights

_ABOUT = """Point at regions of an image or a point cloud and get a sentence about each.

Example: region-perception caption desk.png --box 40 60 120 140 --click 88 97 --draw out.png"""

_APP = tyro.extras.SubcommandApp()
for _command in (caption, ask, find, models, info, demo, simulate, evaluate, calibrate, join, bag, ros):
    _APP.command(tyro.conf.configure(tyro.conf.OmitArgPrefixes)(_command))
_APP.command(tyro.conf.configure(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes)(data))
# Its flags are named by the recipe's parts (--optimiser.peak), and --out may stand behind the recipe, too.
_APP.command(tyro.conf.configure(tyro.conf.CascadeSubcommandArgs)(train))
_APP.command(weights, name="weights")


def run(arguments: Sequence[str] | None) -> None:
    """Runs the command that the arguments (those of the process if None) name."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["ros"] and len(given) > 2:
        given.insert(2, "--")  # what follows a node's name is not ours to read
    _APP.cli(
        args=given,
        prog="region-perception",
        description=_ABOUT,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
