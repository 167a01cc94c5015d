"""Small generated videos and pictures with known truth: stand in for real data in demo, tests and benchmarks."""
