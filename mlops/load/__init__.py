"""Asks a server as fast as it answers, or at a fixed rate, and measures how long it takes."""
