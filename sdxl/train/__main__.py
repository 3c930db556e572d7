"""`python -m sdxl.train`."""

import sys

from sdxl.train.command import main

if __name__ == "__main__":
    sys.exit(main())
