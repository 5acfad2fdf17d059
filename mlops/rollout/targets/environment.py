"""Which variables a lane's server gets of the environment of whoever deploys: what its policy needs, and no more."""

from collections.abc import Mapping

from mlops.serving.access.config import REDIS_PASSWORD
from mlops.serving.config import ServeConfig
from mlops.serving.jobs.webhooks import SECRET
from mlops.serving.log.config import LOG_KEY, Redaction
from mlops.serving.tracing import is_wanted

_S3, _AZURE, _GOOGLE = ("AWS_",), ("AZURE_",), ("GOOGLE_",)
_OF_STORES = {
    "s3": _S3,
    "s3a": _S3,
    "gs": _GOOGLE,
    "az": _AZURE,
    "adl": _AZURE,
    "abfs": _AZURE,
    "abfss": _AZURE,
}
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


def needed(serve: ServeConfig, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by name; those of keys and of trust are each target's own matter.

    A lane serves a bundle and asks no registry: what gives access to MLflow is left out, as is the signing key.

    >>> given = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "MLFLOW_TRACKING_PASSWORD": "s"}
    >>> needed(ServeConfig(), given)
    {'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://collector:4318'}
    """
    access, log = serve.access, serve.log
    names = set(serve.environment)
    prefixes: list[str] = []
    if access.storage != "memory" and (access.rate or access.quota):
        names.add(REDIS_PASSWORD)
    if serve.webhooks.allow:
        names.add(SECRET)
    if Redaction.HASH in log.redact.values():
        names.add(LOG_KEY)
    if log.at:
        prefixes += _OF_STORES.get(log.at.partition("://")[0], ())
    traced = is_wanted(serve.tracing, environment)
    if traced:
        prefixes.append("OTEL_")
    if traced or log.at or access.oidc:
        names |= {name for proxy in _PROXIES for name in (proxy, proxy.lower())}
    chosen = tuple(prefixes)
    return {
        name: environment[name]
        for name in sorted(environment)
        if name in names or (chosen and name.startswith(chosen))
    }
