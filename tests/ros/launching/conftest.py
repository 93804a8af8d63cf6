import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # after the folder above, which has a conftest, too
