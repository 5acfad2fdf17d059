"""The decision record that the documents show and tests start from, made by two real releases of a small model."""
