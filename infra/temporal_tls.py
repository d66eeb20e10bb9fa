"""How the connection to Temporal is sealed: TLS, our own certificate where it asks for one (mTLS)."""

from temporalio.service import TLSConfig

from infra.settings import Settings


def tls_of(settings: Settings) -> TLSConfig | bool:
    """What a client is told about TLS. False: none. Raises `OSError` for a file that cannot be read.

    Certificates are read at every connection, so a renewed one is taken by the next.
    """
    if not settings.temporal_tls:
        return False
    ca, cert, key = (
        path.read_bytes() if path else None
        for path in (
            settings.temporal_tls_ca_file,
            settings.temporal_tls_cert_file,
            settings.temporal_tls_key_file,
        )
    )
    return TLSConfig(
        server_root_ca_cert=ca, domain=settings.temporal_tls_server_name, client_cert=cert, client_private_key=key
    )
