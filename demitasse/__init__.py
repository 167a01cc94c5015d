"""What annotate, train and evaluate share. Knows none of them."""

__version__ = "0.1.0"
