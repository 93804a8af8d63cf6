"""What holds for every test: no internet, no settings of whoever runs it, and two cores shared with others.

These are read once, when the libraries are first imported, so they are set before any of them is.
"""

import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # models come from the test or from the checkout
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.pop("REGION_PERCEPTION_MODELS", None)

# The networks of the tests are so small that a second thread only gets in the way, most of all on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

sys.path.append(str(Path(__file__).parent))  # for what tests of several folders share
