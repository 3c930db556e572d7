"""`python -m sdxl.generate`."""

import sys

from sdxl.generate.command import main

if __name__ == "__main__":
    sys.exit(main())
