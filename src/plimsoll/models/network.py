"""How every HTTP client of the harness reaches its endpoint: proxy, exceptions to it, and trusted CAs.

One reading of the usual environment variables for all of them (models, HTTP targets), taken from the mapping that
is passed in, so that a workspace's `.env` counts and no library reads the environment in its own way:

- `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, in upper or lower case, lower case first, as curl has it;
- `NO_PROXY`: hosts, domains with all below them, addresses, networks (`10.0.0.0/8`), each with or without a port, `*`;
- `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, then `SSL_CERT_DIR`: the first that is set holds the CAs
  to trust, instead of the system's.

Loopback never goes through a proxy: the embedded model and local servers are there, and a proxy would reach another
machine's loopback.
"""

from __future__ import annotations

import base64
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from plimsoll.errors import UsageError

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")
CA_REMEDY = "if a private CA or a company's proxy signs it, set SSL_CERT_FILE to a file with that CA's certificate"
"""What to do about a certificate that can't be verified."""


@dataclass(frozen=True, slots=True)
class HttpSessionSettings:
    """What a client needs to know. With aiohttp: `session.request(…, proxy=s.proxy_for(url), ssl=context)`."""

    proxies: Mapping[str, str]
    """URL scheme → the proxy's URL, which may hold a password: never shown."""
    no_proxy: tuple[str, ...] = ()
    ca: Path | None = None
    """A file or folder of CA certificates; None trusts what the system trusts."""
    ca_variable: str | None = None
    """The environment variable that named `ca`."""

    def __repr__(self) -> str:
        return f"HttpSessionSettings(proxies for {sorted(self.proxies)}, no_proxy={self.no_proxy}, ca={self.ca})"

    def proxy_for(self, url: str) -> str | None:
        """The proxy for a URL; None goes there directly."""
        parts = urlsplit(url)
        proxy = self.proxies.get(parts.scheme)
        if proxy is None or is_loopback(url) or any(_matches(entry, parts) for entry in self.no_proxy):
            return None
        return proxy

    def ssl_context(self) -> ssl.SSLContext:
        """A new context that trusts these CAs.

        Raises:
            UsageError: the variable names nothing that holds a certificate.
        """
        if self.ca is None:
            # The system's trust store, wherever this platform and this Python have it.
            import httpx2

            return httpx2.create_ssl_context(verify=True, trust_env=False)
        # Not create_default_context: from Python 3.13 it refuses CAs without key identifiers, which companies have.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self.ca.is_dir():
                context.load_verify_locations(capath=self.ca)
            else:
                context.load_verify_locations(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"{self.ca_variable} names {self.ca}, from which no CA certificate can be read: {_reason(error)}",
                remedy="name a file of PEM certificates, or unset the variable",
            ) from None
        return context


def http_session_settings(environ: Mapping[str, str]) -> HttpSessionSettings:
    """What the environment says.

    Raises:
        UsageError: a proxy is of a sort that is not supported.
    """
    every = _variable(environ, "all_proxy")
    found = {scheme: _variable(environ, f"{scheme}_proxy") or every for scheme in ("http", "https")}
    variable = next((name for name in _CA_VARIABLES if environ.get(name)), None)
    return HttpSessionSettings(
        proxies={scheme: _proxy_url(value, scheme) for scheme, value in found.items() if value},
        no_proxy=tuple(entry for entry in _variable(environ, "no_proxy").replace(",", " ").lower().split() if entry),
        ca=Path(environ[variable]) if variable else None,
        ca_variable=variable,
    )


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine by name or address."""
    host = urlsplit(url).hostname or ""
    address = _address(host)
    return host == "localhost" or host.endswith(".localhost") or (address is not None and address.is_loopback)


def without_credentials(url: str) -> str:
    """A URL as it may be shown and stored: no user, no password, no query."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def split_login(proxy: str) -> tuple[str, dict[str, str]]:
    """A proxy's URL without its user and password, and those as the header that aiohttp passes on to it.

    The client's own way, from the URL, is deprecated in aiohttp. It sends `Authorization` on as
    `Proxy-Authorization`, with CONNECT and without.
    """
    parts = urlsplit(proxy)
    if parts.username is None:
        return proxy, {}
    login = base64.b64encode(f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()).decode()
    return without_credentials(proxy), {"Authorization": f"Basic {login}"}


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _proxy_url(value: str, scheme: str) -> str:
    url = value if "://" in value else f"http://{value}"
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(
            f"the proxy for {scheme} is a {urlsplit(url).scheme} proxy, which is not supported",
            remedy=f"set {scheme.upper()}_PROXY to an http:// or https:// proxy",
        )
    return url


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _matches(entry: str, url: SplitResult) -> bool:
    host = (url.hostname or "").rstrip(".")
    if entry == "*":
        return True
    name, port = _split_port(entry)
    if port is not None and port != (url.port or {"http": 80, "https": 443}.get(url.scheme)):
        return False
    address = _address(host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(name.strip("[]"), strict=False)
        except ValueError:
            return False
    domain = name.removeprefix("*").lstrip(".").rstrip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _split_port(entry: str) -> tuple[str, int | None]:
    name, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and (":" not in name or name.endswith("]")):
        return name, int(port)
    return entry, None


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
