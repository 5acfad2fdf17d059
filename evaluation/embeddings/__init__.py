"""Vectors that stand for what texts, and pictures, mean."""
