"""What nothing may exceed: no scenario, table, plan or option. Beyond lie slips of the pen, and sums that overflow."""

MOST_MEMBERS = 50_000_000
"""of a population or an experiment"""
FIRST_YEAR, LAST_YEAR = 1900, 2200
"""in which anything may happen"""
