"""How good posterior samples of few reverse steps are: `python -m benchmarks.rollouts`."""
