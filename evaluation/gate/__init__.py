"""Judges measurements: each interval against its bound, never a point."""
