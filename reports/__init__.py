"""For readers: tables, figures, self-contained pages. Imports sim, scenarios and experiments."""

__loyalsim__ = True  # tells this package from another of the same name; see loyalsim/__init__.py
