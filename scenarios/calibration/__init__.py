"""Members calibrated from real transactions.

`calibrate` returns a `Calibration`, which holds the
population that a scenario takes, the same as a commented document, and the data of the fit report.
"""

from scenarios.calibration.fit import Calibration, calibrate

__all__ = ["Calibration", "calibrate"]
