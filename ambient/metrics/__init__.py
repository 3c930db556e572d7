"""Measures of samples: features, Fréchet distances, quality, memorisation, similarities and their comparison."""
