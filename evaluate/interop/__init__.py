"""A run's results in the files of other evaluation tools, and back; one file a format."""
