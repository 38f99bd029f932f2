"""Members calibrated from real transactions.

`calibrate` reads a file, `calibrate_frame` a table; both return a `Calibration`, which holds the
population that a scenario takes, the same as a commented document, and the data of the fit report.
"""

from scenarios.calibration.fit import Calibration, calibrate, calibrate_frame

__all__ = ["Calibration", "calibrate", "calibrate_frame"]
