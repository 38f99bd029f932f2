"""What to run: scenario files and their library, members calibrated from data, comparison. Imports sim."""

__loyalsim__ = True  # tells this package from another of the same name; see loyalsim/__init__.py
