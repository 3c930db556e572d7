"""What an update costs, relative to ambient score matching alone: `python -m benchmarks.cost`."""
