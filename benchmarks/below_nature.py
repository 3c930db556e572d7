"""Below the nature level: how near each method comes to E[X_0 | X_t] from noisy data alone.

Every method of `toy.exact.methods` trains the same network under the same budget on the same worlds; see
`toy.exact.experiment`, which `python toy/run.py --data gmm-easy` runs for one world.
"""

from __future__ import annotations

import tyro

from toy.exact.experiment import Options, main

if __name__ == "__main__":
    main(tyro.cli(Options))
