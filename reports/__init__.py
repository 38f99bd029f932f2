"""For readers: tables, figures, self-contained pages. Imports sim, scenarios and experiments."""
