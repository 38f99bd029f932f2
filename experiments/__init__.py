"""Live tests: plan, frozen prediction, read-out, check, recalibration, record. Imports sim, scenarios."""
