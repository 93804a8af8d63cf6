"""`python -m region_perception.cli`, for where the command itself is not on the path."""

import sys

from region_perception.cli import main

sys.exit(main())
