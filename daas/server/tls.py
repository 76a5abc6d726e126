"""TLS of the service's own: a connection whose bytes the event loop takes out of TLS before it looks at them."""

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

from .connection import STEP, Client


def make_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Make what TLS needs, from files in PEM; raises OSError if they cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


class TlsClient(Client):
    """A connection that speaks TLS. It never waits: what is not there yet, the event loop is told of later."""

    def __init__(self, accepted: Any, context: ssl.SSLContext) -> None:
        super().__init__(accepted)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_open = False

    def receive(self) -> bytes:
        """Read what the network has brought; raises BlockingIOError if that is nothing to be read yet."""
        if piece := super().receive():
            self._incoming.write(piece)
        else:
            self._incoming.write_eof()
        received = b""
        try:
            if not self._is_open:
                self._tls.do_handshake()
                self._is_open = True
            while read := self._tls.read(STEP):
                received += read
        except ssl.SSLWantReadError:
            if not received:
                raise BlockingIOError from None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass  # Nothing more comes, whether the client said so or just left.
        finally:
            self._flush()
        return received

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send what the client takes at once; the event loop sends the rest."""
        self._tls.write(data)
        self._flush()

    def shutdown(self, how: int) -> None:
        """Say that nothing more follows."""
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()
        super().shutdown(how)

    def _flush(self) -> None:
        if self._outgoing.pending:
            super().sendall(self._outgoing.read())
