"""For every test: threads that wait asleep, as the commands have them."""

from mlops.calm import calm_threads

calm_threads()
