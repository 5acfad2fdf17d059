"""Intervals: how far a measured value can be believed."""
