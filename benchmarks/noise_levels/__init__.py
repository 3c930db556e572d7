"""How right is `ambient.noise.estimate`: images whose noise is known, at several levels, in float and in 8-bit files.

    python -m benchmarks.noise_levels --xrays chest_xray_256.zip --cifar cifar-10-batches-py \
        --tiny tiny-imagenet-200.zip --faces ffhq64

The digits of scikit-learn come with it; sets that are not given are left out, and named. White noise of each level is
added to the images; 8-bit files round and clip it. The rule was shaped on X-rays and CIFAR-10's training images, and
applied to the others as it was.
"""
