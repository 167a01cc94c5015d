"""Video and image files: find, probe, sample, cut, cache."""
