"""What can be measured: one frozen `Metric` each, found by name in `builtin`."""
