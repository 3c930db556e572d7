"""Below the nature level, in worlds whose answers are known: `python -m benchmarks.below_nature`."""
