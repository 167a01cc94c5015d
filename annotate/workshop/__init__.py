"""The workshop: from what a person knows of a domain to a prompt pack for it, in three phases at the terminal."""
