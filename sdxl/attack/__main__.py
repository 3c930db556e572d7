"""`python -m sdxl.attack`."""

import sys

from sdxl.attack.command import main

if __name__ == "__main__":
    sys.exit(main())
