"""Choosing between candidates: which of them may be the best, and which are worth their price."""
