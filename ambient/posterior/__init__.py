"""Samples of p(X_0 | X_t): rollouts of the model itself, and particles that need no model."""
