"""Tells handwritten digits apart by kernel ridge regression in numpy: dense linear algebra, and little else."""
