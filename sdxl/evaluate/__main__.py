"""`python -m sdxl.evaluate`."""

import sys

from sdxl.evaluate.command import main

if __name__ == "__main__":
    sys.exit(main())
