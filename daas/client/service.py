"""Send signed requests to a service and retry them where that can help: the base of both clients."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, ClassVar, Self, TypeVar

import httpx

from ..signing.mechanism import SigningScheme
from .errors import AuthenticationFailed, CallFailed, NoAnswer, Refusal, error_for
from .signature import SignatureAuth

DEFAULT_URL = "http://127.0.0.1:8000"

_TIMEOUT_SECONDS = 30
_LOST_CONNECTION = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)
# After these errors, the call was certainly not carried out.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BUSY = (429, 503)
_TOO_MANY = (429,)

T = TypeVar("T")


@dataclass(frozen=True)
class Retries:
    """How often a call is attempted at most, and for how long.

    No attempt begins later than `seconds` after the first. After a 429 or 503 the client waits as long as Retry-After
    says; without it, as after a lost connection, `pause` seconds, doubled each time.
    """

    attempts: int = 4
    seconds: float = 30
    pause: float = 0.5


_RETRIES = Retries()


@dataclass(frozen=True)
class Saved:
    """Bytes that were written to a file: how many, and their SHA-256 in hexadecimal."""

    request_id: str
    size: int
    sha256: str


class SignedClient:
    """The base of the clients: sends signed requests to a service. As a context manager it closes its connections.

    `url` is scheme, host and port. `content_md5` sends Content-MD5, so that the signature covers the body.
    `correct_clock` retries a call whose date was rejected, with the clock corrected by what the service reports; use it
    only with TLS, which proves who reports it. `http` is an httpx.Client to send with, for proxies, certificates or
    other timeouts; the caller closes it. Raise ValueError for a malformed URL or malformed keys.
    """

    scheme: ClassVar[SigningScheme]
    #: The documented error responses.
    documented_errors: ClassVar[Sequence[type[Refusal]]]

    def __init__(
        self,
        url: str,
        public_key: str,
        private_key: str,
        *,
        content_md5: bool = True,
        correct_clock: bool = False,
        retries: Retries = _RETRIES,
        http: httpx.Client | None = None,
    ) -> None:
        self.url = _checked_url(url)
        self.auth = SignatureAuth(public_key, private_key, scheme=self.scheme, content_md5=content_md5)
        self.correct_clock = correct_clock
        self.retries = retries
        self._http = httpx.Client(timeout=_TIMEOUT_SECONDS) if http is None else http
        self._closes_http = http is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, unless the caller passed `http`."""
        if self._closes_http:
            self._http.close()

    def call(self, method: str, path: str, read: Callable[[Any], T], *, repeatable: bool = True, **content: Any) -> T:
        """Send a request and return what `read` makes of the response's JSON; raise CallFailed.

        A call that is not `repeatable` is retried only if it was certainly not carried out. `content` holds httpx's
        arguments `params`, `data`, `json` and so on.
        """
        response = self._send(method, self.url + path, repeatable=repeatable, **content)
        try:
            return read(response.json())
        except (ValueError, KeyError, TypeError) as error:
            raise error_for(response, ()) from error

    def download(self, path: str, file: BinaryIO, **content: Any) -> Saved:
        """Write the body of a response to an open file as it comes; raise CallFailed.

        A call is retried only as long as nothing was written.
        """
        response = self._send("GET", self.url + path, repeatable=True, stream=True, **content)
        size, digest = 0, hashlib.sha256()
        try:
            for chunk in response.iter_bytes():
                size += len(chunk)
                digest.update(chunk)
                file.write(chunk)
        except httpx.RequestError as error:
            raise NoAnswer(f"{self.url} closed the connection before the end of the response: {error}.") from error
        finally:
            response.close()
        return Saved(response.headers.get("X-Request-Id", ""), size, digest.hexdigest())

    def _send(self, method: str, url: str, *, repeatable: bool, **content: Any) -> httpx.Response:
        """Return the first successful response within the limits of `retries`; raise the last attempt's error."""
        began = time.monotonic()
        attempts, pause = 0, self.retries.pause
        while True:
            attempts += 1
            offset = self.auth.clock_offset
            try:
                return self._attempt(method, url, **content)
            except CallFailed as error:
                wait = self._seconds_to_wait(error, pause, offset, repeatable=repeatable)
                if wait is None or attempts >= self.retries.attempts:
                    raise
                if time.monotonic() - began + wait > self.retries.seconds:
                    raise
            time.sleep(wait)
            pause *= 2

    def _attempt(self, method: str, url: str, *, stream: bool = False, **content: Any) -> httpx.Response:
        try:
            request = self._http.build_request(method, url, **content)
            response = self._http.send(request, auth=self.auth, follow_redirects=False, stream=stream)
            if not response.is_success:
                response.read()
                response.close()
        except httpx.RequestError as error:
            raise NoAnswer(f"{self.url} cannot be reached: {error}.") from error
        if response.is_success:
            return response
        raise error_for(response, self.documented_errors)

    def _seconds_to_wait(self, error: CallFailed, pause: float, offset: float, *, repeatable: bool) -> float | None:
        """Return the seconds to wait before a retry, None if no retry can help; correct the clock if it was wrong.

        `offset` is the clock's offset (seconds) in the attempt that failed.
        """
        if isinstance(error, NoAnswer):
            return pause if isinstance(error.__cause__, _LOST_CONNECTION if repeatable else _NEVER_SENT) else None
        # A 503 can mean that the change was committed and only the confirmation was lost.
        if isinstance(error, Refusal) and error.status in (_BUSY if repeatable else _TOO_MANY):
            return _retry_after(error.headers, pause)
        if self.correct_clock and isinstance(error, AuthenticationFailed) and error.reason == "date-outside-window":
            # Not `-=`: another thread may already have corrected the clock by the same skew.
            self.auth.clock_offset = offset - (error.clock_skew or 0)
            return 0
        return None


def _retry_after(headers: httpx.Headers, otherwise: float) -> float:
    """Return the seconds that Retry-After says, as a number or a date; `otherwise` if it says neither."""
    text = headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return otherwise


def _checked_url(url: str) -> str:
    try:
        parsed = httpx.URL(url)
        usable = parsed.scheme in ("http", "https") and parsed.host.encode("idna") and not parsed.userinfo
    except (httpx.InvalidURL, UnicodeError):
        usable = False
    if not usable or "?" in url or "#" in url:
        # The message omits the URL: it may contain a password.
        raise ValueError("The URL must be scheme, host and port, as in https://direct.example.org.")
    return url.rstrip("/")
