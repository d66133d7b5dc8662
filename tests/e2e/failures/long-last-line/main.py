"""A message of 70 kB behind which its own beginning must not get lost."""
raise ValueError(f"row 17: {list(range(12000))}")
