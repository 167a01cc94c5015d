"""Teachers write data: one folder for each system."""
