"""What a fixed number of noisy samples can tell of E[X_0 | X_t]: `python -m benchmarks.limit`."""
