"""Does `ambient.noise.estimate` say what kind of noise it is: other than white, Gaussian, equal everywhere.

    python -m benchmarks.noise_kinds --xrays chest_xray_256.zip --cifar cifar-10-batches-py

For each kind, what has to be said of it (the check in the column *to be denied*), what was said, and whether the
level's interval or bound holds the truth. Misses are part of the table.
"""
