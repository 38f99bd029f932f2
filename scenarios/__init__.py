"""What to run: scenario files and their library, members calibrated from data, comparison. Imports sim."""
