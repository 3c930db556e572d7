"""P1's experiments with SDXL, and P2's with text. All objectives are `ambient.objectives`: no loss is computed here."""

import os

# transformers warns about what this package does not use (torchvision) on import; an explicit setting is respected.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
