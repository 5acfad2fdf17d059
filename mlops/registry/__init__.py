"""The model registry: versions, the three aliases, and the rule that only a passing record makes a champion."""
