"""A model that grades free text: what it is asked, how its reply is read, what is kept of it."""
