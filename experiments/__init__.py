"""Live tests: plan, frozen prediction, read-out, check, recalibration, record. Imports sim, scenarios."""

__loyalsim__ = True  # tells this package from another of the same name; see loyalsim/__init__.py
