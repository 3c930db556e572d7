"""The five lines of the README, judged: what `ambient example` wrote is known clean, so errors can be measured.

    python -m benchmarks.five_lines NOISY RUN RESTORED

RESTORED/mean beside the noisy files, the Gaussian filter whose width is best for these images (found with the truth),
and a model trained on the same noisy files as if they were clean (denoising score matching, level 0) with the network,
updates and batch of RUN, which restores at the same level by the same call, and at the level that is best for it.
"""
