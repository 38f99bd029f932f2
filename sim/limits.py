"""What nothing may exceed: no scenario, table, plan or option. Beyond lie slips of the pen, and sums that overflow."""

MOST_MEMBERS = 50_000_000
"""of a population or an experiment"""
MOST_SEED = 2**32 - 1
"""of a run: its luck is addressed by 32 bits"""
MOST_AMOUNT = 10**12
"""of an amount in currency units, or of points: far beyond any programme, well inside 64 bits, exact as a float in minor units"""
FIRST_YEAR, LAST_YEAR = 1900, 2200
"""in which anything may happen"""
MOST_COUNTED = 5 * 10**17
"""minor units or points of one kind in a run or a column: a figure may add up eighteen of them and stays below 2^63"""
