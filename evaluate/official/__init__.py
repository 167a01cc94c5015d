"""Benchmarks as their own scripts score them, beside the same numbers with every question counted; one file each."""
