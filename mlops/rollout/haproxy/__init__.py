"""The router: HAProxy as a process of ours, told at run time which lane gets which share of the requests."""

from mlops.rollout.haproxy.router import HAProxy

__all__ = ["HAProxy"]
