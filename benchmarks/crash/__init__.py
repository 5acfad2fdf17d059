"""What a crash costs: real servers killed under load, and their request log held against what was acknowledged."""
