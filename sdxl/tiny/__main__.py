"""`python -m sdxl.tiny`."""

import sys

from sdxl.tiny.command import main

if __name__ == "__main__":
    sys.exit(main())
