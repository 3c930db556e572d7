"""What a training step of a large network costs here, against plain PyTorch: `python -m benchmarks.paper_network`."""
