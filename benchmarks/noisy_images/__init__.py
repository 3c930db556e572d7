"""Noisy images of known truth: restored and sampled from, beside classical filters and other ways to train.

    python -m benchmarks.noisy_images --xrays chest_xray_256.zip --cifar cifar-10-batches-py

White noise is added to real images, which are kept aside: in float files as it is, in 8-bit files rounded and clipped.
On the noisy images alone `ambient.fit` trains the recommended recipe. Its rivals, of the same network, updates, batch
and learning rate: a model trained on the same noisy images as if they were clean (denoising score matching, level 0),
and one trained on the clean images, which nobody has. All restore by one call, the posterior mean at the true level.

Of the model trained as if clean that is E[X_n | X_n + sigma_n Z], of the noisy images' own law: it takes the noise of
its training images for detail, and leaves half of it. So it restores also at the level that is best for it, found with
the truth, as is the width of the Gaussian filter: both are oracles in the rivals' favour.

Whatever is restored is clipped to [-1, 1]. Settings were chosen on a split of its own (99); the figures are those of
splits 0, 1 and 2. BM3D is the package `bm3d`, free for non-commercial use only: an extra, and no part of this project.
"""
