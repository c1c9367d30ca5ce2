"""TLS as botocore has it: the same authorities, checked as strictly, and no more."""

from __future__ import annotations

import os
import ssl
import threading
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

BUNDLES = 8
"""CA bundles that are kept loaded: master and slaves have one, unless --profile and --slave-profile name others."""
_LOADING = threading.Lock()


def share_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Return a context that trusts the authorities of a file, the system's where there is none.

    All connections of a process share it, since botocore's authorities take 20 ms to load; a file that was changed is
    loaded again. Raises OSError where the file cannot be read or holds no certificate. Unlike
    `ssl.create_default_context` it does not ask for VERIFY_X509_STRICT on Python 3.13, which refuses authorities that
    every older one takes; nor does botocore.
    """
    version = None
    if ca_bundle is not None:
        status = Path(ca_bundle).stat()
        version = (status.st_ino, status.st_size, status.st_mtime_ns)
    with _LOADING:  # tables are described by several threads at once
        return _load_context(ca_bundle, version)


@lru_cache(maxsize=BUNDLES)
def _load_context(ca_bundle: str | None, _: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_bundle is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=ca_bundle)
    return context


def load_usual_authorities() -> None:
    """Load the authorities that connections most probably trust; never fails.

    They are those that the environment names, else botocore's. AWS's configuration file may name others, which are
    loaded where they are needed. Neither botocore nor certifi is imported, which takes longer than all this saves.
    """
    named = os.environ.get("AWS_CA_BUNDLE", os.environ.get("REQUESTS_CA_BUNDLE"))
    bundle = named if named is not None else find_botocores_bundle()
    with suppress(OSError, ValueError):
        if bundle is not None:
            share_context(bundle)


def find_botocores_bundle() -> str | None:
    """Return the file that `botocore.httpsession.where` names: certifi's, or its own where there is no certifi."""
    for package in ("certifi", "botocore"):
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            return str(Path(folder) / "cacert.pem")
    return None


def find_bundle_fault(ca_bundle: str) -> str | None:
    """Return why a CA bundle cannot be used, None where it can."""
    try:
        with Path(ca_bundle).open("rb"):  # its error says more than that of ssl
            pass
        share_context(ca_bundle)
    except ssl.SSLError:
        return "it holds no certificate in PEM form"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None
