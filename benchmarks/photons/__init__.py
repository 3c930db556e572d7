r"""Images of few photons: is it worth knowing that their noise is Poisson's? `python -m benchmarks.photons`.

Digits are seen by counts, y = gain P((x + 1) / gain) - 1 + std N, and restored by two models that saw nothing else: one
that takes the noise as it is (`ambient.noise.Stabilised`), and one that takes it as Gaussian of the mean variance,

    E gain (x + 1) + std^2.

Beside them stands the best Gaussian filter, its width chosen on the clean digits, which no method here sees.
"""
