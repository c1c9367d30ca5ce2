"""TLS as botocore has it: the same authorities, checked as strictly, and no more."""

from __future__ import annotations

import ssl
from pathlib import Path


def make_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Return a context that trusts the authorities of a file, the system's where there is none.

    Raises OSError where the file cannot be read or holds no certificate. Unlike `ssl.create_default_context` it does
    not ask for VERIFY_X509_STRICT on Python 3.13, which refuses authorities that every older one takes; nor does
    botocore.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_bundle is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=ca_bundle)
    return context


def find_bundle_fault(ca_bundle: str) -> str | None:
    """Return why a CA bundle cannot be used, None where it can."""
    try:
        with Path(ca_bundle).open("rb"):  # its error says more than that of ssl
            pass
        make_context(ca_bundle)
    except ssl.SSLError:
        return "it holds no certificate in PEM form"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None
