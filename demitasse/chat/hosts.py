"""Addresses and keys of endpoints: what may stand in a base URL, who needs a key, and where it comes from."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from functools import cache
from urllib.parse import SplitResult, urlsplit

from demitasse.errors import ConfigError

SHORTEST_KEY = 8  # what is shorter ("EMPTY", "none") is a placeholder, and may be a word of an error message
PLACEHOLDER = "EMPTY"  # what servers that ask for no key are sent
LOOPBACK = "loopback"


def check_url(base_url: str) -> SplitResult:
    """The address in parts.

    Raises:
        ConfigError: if it is not http(s), or carries what would end up in files: user, password, query or fragment.
    """
    url = urlsplit(base_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigError(f"base_url '{url.scheme}://{url.hostname or ''}…' must be an http:// or https:// address")
    if url.username or url.password or url.query or url.fragment:
        raise ConfigError(
            f"the base_url of {url.hostname} carries a user, a query or a fragment: give scheme, host, port and path "
            "alone, and the key by the name of an environment variable (api_key_env)"
        )
    return url


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def identity(url: SplitResult) -> str:
    """What an address counts as in names and keys: host and port, or "loopback" for any port of this machine.

    A server on this machine comes up on another port each day and is the same server: what it has answered is not
    stale. Two different ones are told apart by the model's name.
    """
    return LOOPBACK if is_loopback(url.hostname or "") else url.netloc


def read_key(variables: Sequence[str], base_url: str) -> str:
    """The key from the first of the environment variables that is set; a placeholder for a server on this machine.

    Raises:
        ConfigError: if none is set, or what it holds cannot be a key. The message names it and never shows it.
    """
    given = {name: key for name in variables if (key := os.environ.get(name, "").strip())}
    if not given:
        if is_loopback(urlsplit(base_url).hostname or ""):
            return PLACEHOLDER
        named = " or ".join(variables)
        raise ConfigError(f"the environment variable {named} is not set: put the key for {base_url} in it")
    name, key = next(iter(given.items()))
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"the environment variable {name} holds characters that no key has: set it again")
    return key


def without_key(body: bytes, key: str) -> bytes:
    """A response's body with the key taken out, for servers repeat it: whole, before anything is cut short.

    Also where JSON's escapes stand in it, as some writers put them before "/" and in the place of "=".
    """
    return _written(key).sub(b"[key]", body) if len(key) >= SHORTEST_KEY else body


@cache
def _written(key: str) -> re.Pattern[bytes]:
    """A key in all the ways in which a JSON text may hold it."""
    ways = (rf"(?:\\?{re.escape(one)}|\\u(?i:{ord(one):04x}))" for one in key)
    return re.compile("".join(ways).encode())
