import math
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from theory import plots_p2
from theory.feldman_priors import ListPrior


@pytest.mark.parametrize("draw", [plots_p2.tau_and_its_bounds, plots_p2.thresholds], ids=lambda f: f.__name__)
def test_a_plot_is_drawn_where_it_says(tmp_path: Path, draw):
    title, name, caption = draw(tmp_path)
    assert title
    assert caption.endswith(".")
    picture = matplotlib.image.imread(tmp_path / name)
    assert np.ptp(picture[..., :3]) == 1


def test_the_upper_bound_holds_wherever_it_is_drawn():
    prior = ListPrior([1, 100], 1000, [0.9, 0.1]).lattice_marginal()
    ratios = [float(prior.tau(n)) / plots_p2._upper_bound(prior, n) for n in (3, 10, 20, 300, 2000)]
    assert all(ratio <= 1 for ratio in ratios if not math.isnan(ratio))
    assert [math.isnan(ratio) for ratio in ratios] == [False, False, False, True, False]
