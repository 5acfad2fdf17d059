"""A release: one attempt to bring a commit into production, step by step, resumable, with one decision record."""
