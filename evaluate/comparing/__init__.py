"""One run's figures, and what changed from one run to another."""
