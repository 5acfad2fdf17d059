"""Measurements that people can repeat: `make bench`. They print ratios within one run, since machines differ."""
