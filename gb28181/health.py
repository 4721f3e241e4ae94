"""Is the server on this machine ready? `python -m gb28181.health`: exit code 0 or 1.

Reads the same settings as the server, so that a changed port or https is found by itself. It is the
image's health check; it starts nothing and needs no login.
"""

from __future__ import annotations

import ipaddress
import ssl
import sys
import urllib.error
import urllib.request

import config

TIMEOUT_S = 4.0


def address(http: config.HttpSettings) -> str:
    """Where the server of these settings is asked; a wildcard address is reached by loopback."""
    scheme = "https" if http.cert_file and http.key_file else "http"
    host = http.host
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return f"{scheme}://{host}:{http.port}/readyz"
    if parsed.is_unspecified:
        parsed = ipaddress.ip_address("127.0.0.1" if parsed.version == 4 else "::1")
    shown = f"[{parsed}]" if parsed.version == 6 else str(parsed)
    return f"{scheme}://{shown}:{http.port}/readyz"


def is_ready(url: str) -> bool:
    # The certificate names the public host, not loopback, and nothing secret is sent.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def main() -> int:
    try:
        settings = config.load()
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if is_ready(address(settings.http)) else 1


if __name__ == "__main__":
    sys.exit(main())
