"""`alx`, the one command for people: the composition root over the other three packages."""
