"""Who can reach an address, and whether they may."""

from evaluation.errors import UserError
from mlops.serving.access.config import AccessConfig, is_loopback


def require_guarded(host: str, access: AccessConfig) -> None:
    """Refuse to listen where other machines can ask, unless callers must say who they are or the policy lets anyone.

    Raises UserError that names the three ways out.

    >>> require_guarded("127.0.0.1", AccessConfig())
    >>> require_guarded("0.0.0.0", AccessConfig(open=True))
    """
    if access.controlled or access.open or is_loopback(host):
        return
    raise UserError(
        f"on {host} other machines could ask the model, and nobody is asked for a key",
        expected="under serve.access in weighbridge.yaml one of: keys: true, or "
        "oidc: {issuer: ..., audience: ...}, or open: true (as a server's option: --open) where anyone may ask",
        next_step="weighbridge api-keys create --name NAME --scope predict, then serve.access: {keys: true}",
    )
