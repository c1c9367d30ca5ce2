"""What the fork server loads where tables are reached by https: the authorities, so that workers share them."""

from __future__ import annotations

from fastsync.aws.network.tls import load_usual_authorities

load_usual_authorities()
