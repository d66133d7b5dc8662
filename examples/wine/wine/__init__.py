"""Tells the cultivar of a wine from its chemistry, with Python's standard library only."""
