from .auditing import Audit, Pair, audit
from .intervals import Interval
from .measures import Measure
from .options import FeatureName, Reading
from .planted import Calibration

__all__ = ["Audit", "Calibration", "FeatureName", "Interval", "Measure", "Pair", "Reading", "audit"]
