"""`python -m sdxl.mitigation`."""

import sys

from sdxl.mitigation.command import main

if __name__ == "__main__":
    sys.exit(main())
