"""Judges a model: metrics, intervals, the gate and its reports. Imports neither monitoring nor mlops."""
