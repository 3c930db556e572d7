"""`python -m sdxl.latents`."""

import sys

from sdxl.latents.command import main

if __name__ == "__main__":
    sys.exit(main())
