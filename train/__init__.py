"""A student learns it."""
