"""The page on which a person watches the videos, reads what was made of them, and decides what is kept."""
