"""The tabletop world: a simulated robot camera over a table, with sentences that are true by construction.

from region_perception.simulation import records

for record in records("train"):
    print(record.modality, record.sentences[0])
"""

from region_perception.simulation.clouds import LabelledCloud, picture_cloud, scene_cloud, thing_cloud
from region_perception.simulation.judging import Verdict, judge
from region_perception.simulation.layout import compose, scenes
from region_perception.simulation.parsing import parse
from region_perception.simulation.phrases import Phrase
from region_perception.simulation.picture import Picture, take_picture
from region_perception.simulation.records import picture_records, records
from region_perception.simulation.scene import Scene, Thing
from region_perception.simulation.splits import SPLITS

__all__ = [
    "SPLITS",
    "LabelledCloud",
    "Phrase",
    "Picture",
    "Scene",
    "Thing",
    "Verdict",
    "compose",
    "judge",
    "parse",
    "picture_cloud",
    "picture_records",
    "records",
    "scene_cloud",
    "scenes",
    "take_picture",
    "thing_cloud",
]
