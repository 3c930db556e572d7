"""`python -m sdxl.mini`."""

import sys

from sdxl.mini.command import main

if __name__ == "__main__":
    sys.exit(main())
