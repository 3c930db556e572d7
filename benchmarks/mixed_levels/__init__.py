r"""Clean and noisy images trained on together, each above its own level only, against less and against worse data.

    python -m benchmarks.mixed_levels --xrays chest_xray_256.zip --cifar cifar-10-batches-py

Three designs on the same images, with the same network, updates and batch, judged on the same held-out images:

    half clean    the first half clean, the second at sigma_n: levels per image
    noisy half    the second half alone, at sigma_n
    all noisy     all of them at sigma_n

Exact worlds first (`benchmarks.mixed_levels.exact`), where no network and no training stand between data and answer.
"""
