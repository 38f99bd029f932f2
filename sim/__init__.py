"""The model: members, programme, behaviour, market; engine, outcome, measures. Imports no other layer."""

__loyalsim__ = True  # tells this package from another of the same name; see loyalsim/__init__.py
