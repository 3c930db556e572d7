"""Which schedulers there are."""

from __future__ import annotations

import pytest

from sdxl.schedulers import check_scheduler


def test_schedulers_by_name() -> None:
    for name in ("DDIM", "EulerDiscrete", "HeunDiscrete", "LMSDiscrete", "PNDM", "UniPCMultistep"):
        assert check_scheduler(name) == check_scheduler(f"{name}Scheduler") == f"{name}Scheduler"
    with pytest.raises(ValueError, match="there is no EulerScheduler here; there are EulerDiscrete"):
        check_scheduler("Euler")
    with pytest.raises(ValueError, match="DPMSolverSDE draws noise for a whole batch"):
        check_scheduler("DPMSolverSDE")
