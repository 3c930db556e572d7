"""Side-by-side measurements, one module a question: `python -m benchmarks.NAME`."""
