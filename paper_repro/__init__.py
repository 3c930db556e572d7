"""Every table and figure of both papers, one script each: `python -m paper_repro`."""

import os

# transformers warns about what this package does not use (torchvision) on import; an explicit setting is respected.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
