"""Small generated videos with known truth: stands in for real data in the demo, tests and benchmarks."""
