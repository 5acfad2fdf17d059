"""Predictions that are fetched later, or posted to whoever asked: for models that take their time."""
