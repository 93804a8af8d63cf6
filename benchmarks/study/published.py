"""Figures of the paper (RegionBLIP, arXiv 2308.02299, tables 1 and 2), to stand beside ours; CIDEr in percent.

They are of photographs and scans, where sentences are freer and references fewer: only what a part is worth compares.
"""

from region_perception.evaluation.tabletop import THING
from region_perception.modalities import CLOUD_REGION, IMAGE, IMAGE_REGION

# Ours by the section of a report, theirs by the set that is most like it.
CLOUD_THING = f"cloud {THING}"
BY_BOX = {IMAGE_REGION: f"{IMAGE_REGION} by box", CLOUD_REGION: f"{CLOUD_REGION} by box"}
IMAGE_WHOLE = f"{IMAGE} whole"

SETS = {
    IMAGE_WHOLE: "COCO",
    BY_BOX[IMAGE_REGION]: "RefCOCO",
    CLOUD_THING: "Objaverse",
    BY_BOX[CLOUD_REGION]: "ReferScannet",
}
BASE_CIDER = {IMAGE_WHOLE: 130.7, BY_BOX[IMAGE_REGION]: 15.1}
REGIONBLIP_CIDER = {IMAGE_WHOLE: 130.7, BY_BOX[IMAGE_REGION]: 63.5, CLOUD_THING: 112.7, BY_BOX[CLOUD_REGION]: 57.0}
WITHOUT_PAFE_CIDER = {BY_BOX[IMAGE_REGION]: 44.7, CLOUD_THING: 84.7, BY_BOX[CLOUD_REGION]: 21.4}
