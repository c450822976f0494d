"""Calls to the portal: HTTPS with its CA pinned, one kept connection for each user of this class."""

import http.client
import json
import socket
import ssl
from typing import Any, Dict, Optional, Tuple
from urllib.parse import urlsplit

from armchair.wire.messages import API

TIMEOUT = 15.0


class PortalAway(Exception):
    """The portal gave no usable answer. Ask again later."""


class Caller:
    """Speaks to the agents listener. Not for use by two threads at once."""

    def __init__(self, portal: str, portal_ca: str) -> None:
        address = urlsplit(portal)
        self._host, self._port = address.hostname or "", address.port or 443
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.load_verify_locations(cadata=portal_ca)
        self._connection: Optional[http.client.HTTPSConnection] = None

    def call(
        self, method: str, path: str, bearer: str, body: Optional[Dict[str, Any]] = None, timeout: float = TIMEOUT
    ) -> Tuple[int, Dict[str, Any]]:
        """One request; the answer's status and JSON object. Raises PortalAway when there is none, also for 5xx."""
        for fresh in (False, True):
            try:
                return self._once(method, path, bearer, body, timeout)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.close()
                # a kept connection may have been closed by the other side meanwhile: once more with a new one
                if fresh or isinstance(error, socket.timeout):
                    raise PortalAway(str(error) or type(error).__name__)
        raise PortalAway("no answer")

    def _once(
        self, method: str, path: str, bearer: str, body: Optional[Dict[str, Any]], timeout: float
    ) -> Tuple[int, Dict[str, Any]]:
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.sock.settimeout(timeout)
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": "Bearer " + bearer, "Content-Type": "application/json"}
        self._connection.request(method, API + path, data or None, headers)
        response = self._connection.getresponse()
        text = response.read(1 << 20)
        if response.will_close:
            self.close()
        if response.status >= 500:
            raise PortalAway("status %d" % response.status)
        answer = json.loads(text.decode("utf-8", "replace")) if text else {}
        return response.status, answer if isinstance(answer, dict) else {}

    def close(self) -> None:
        """Drop the kept connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
