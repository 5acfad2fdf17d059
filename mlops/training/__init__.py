"""Training: the user's function, run with a seed, and where its model came from."""
