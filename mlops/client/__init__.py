"""Calling a Weighbridge server from Python: `Client`, `AsyncClient`, their answers and their errors.

Needs only the extra `client`: none of the packages that train, judge or serve are imported.
"""

from mlops.client.answers import Answer, Generated, Generation, Prediction
from mlops.client.calls import AsyncClient, Client
from mlops.client.core import Patience
from mlops.client.errors import CallFailed, Refused, ServerFailed, TooManyRequests, Unreachable

__all__ = [
    "Answer",
    "AsyncClient",
    "CallFailed",
    "Client",
    "Generated",
    "Generation",
    "Patience",
    "Prediction",
    "Refused",
    "ServerFailed",
    "TooManyRequests",
    "Unreachable",
]
