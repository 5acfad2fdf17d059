"""The demonstration that `weighbridge demo` runs: two real projects, nothing played."""
