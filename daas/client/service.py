"""Sends signed calls to a service, and sends them again where that may help: what every client class shares."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Self, TypeVar

import httpx

from ..signing.mechanism import SigningScheme
from .refusals import AuthenticationFailed, CallFailed, NoAnswer, Refusal, refusal_of
from .signature import SignatureAuth

DEFAULT_URL = "http://127.0.0.1:8000"

_TIMEOUT_SECONDS = 30
_LOST_CONNECTION = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)
# Of these, a call has surely not been carried out.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BUSY = (429, 503)
_TOO_MANY = (429,)

T = TypeVar("T")


@dataclass(frozen=True)
class Retries:
    """How often a call is sent, at most, and for how long it is sent again.

    No attempt begins later than `seconds` after the first. After 429 and 503 passes the time that Retry-After
    says; where nothing says it, as after a lost connection, `pause` seconds, and twice as many each further time.
    """

    attempts: int = 4
    seconds: float = 30
    pause: float = 0.5


_RETRIES = Retries()


class Service:
    """A service that is called by signed requests; leaving its `with` closes its connections.

    `url` is scheme, host and port. `content_md5` signs the bodies too. `correct_clock` lets a call that is
    refused for its date be sent again, with the clock put right by what the service says; do so only where
    TLS shows that it is the service that says it. `http` is an httpx.Client to send with, for proxies,
    certificates and other timeouts, which then stays open. Raises ValueError for a URL or keys that cannot be used.
    """

    scheme: ClassVar[SigningScheme]
    #: The documented answers other than success.
    refusals: ClassVar[Sequence[type[Refusal]]]

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
        """Close the connections."""
        if self._closes_http:
            self._http.close()

    def call(self, method: str, path: str, read: Callable[[Any], T], *, repeatable: bool = True, **content: Any) -> T:
        """Send a call, and give what `read` makes of the JSON of its answer.

        A call that is not `repeatable` is sent again only where it has surely not been carried out. `content` is
        what httpx takes as `params`, `data` and so on. Raises CallFailed.
        """
        response = self._send(method, self.url + path, repeatable=repeatable, **content)
        try:
            return read(response.json())
        except (ValueError, KeyError, TypeError) as error:
            raise refusal_of(response, ()) from error

    def _send(self, method: str, url: str, *, repeatable: bool, **content: Any) -> httpx.Response:
        """Give the first success, within the bound; raises what the last attempt came to."""
        began = time.monotonic()
        attempts, pause = 0, self.retries.pause
        while True:
            attempts += 1
            offset = self.auth.clock_offset
            try:
                return self._attempt(method, url, **content)
            except CallFailed as fault:
                wait = self._seconds_to_wait(fault, pause, offset, repeatable=repeatable)
                if wait is None or attempts >= self.retries.attempts:
                    raise
                if time.monotonic() - began + wait > self.retries.seconds:
                    raise
            time.sleep(wait)
            pause *= 2

    def _attempt(self, method: str, url: str, **content: Any) -> httpx.Response:
        try:
            response = self._http.request(method, url, auth=self.auth, follow_redirects=False, **content)
        except httpx.RequestError as error:
            raise NoAnswer(f"{self.url} cannot be reached: {error}.") from error
        if response.is_success:
            return response
        raise refusal_of(response, self.refusals)

    def _seconds_to_wait(self, fault: CallFailed, pause: float, offset: float, *, repeatable: bool) -> float | None:
        """Give the seconds after which another attempt may help, None if none may; puts right a clock that was wrong.

        `offset` is the clock's offset in the attempt that failed.
        """
        if isinstance(fault, NoAnswer):
            return pause if isinstance(fault.__cause__, _LOST_CONNECTION if repeatable else _NEVER_SENT) else None
        # A 503 may stand for a commit of which only the answer was lost.
        if isinstance(fault, Refusal) and fault.status in (_BUSY if repeatable else _TOO_MANY):
            return _retry_after(fault.headers, pause)
        if self.correct_clock and isinstance(fault, AuthenticationFailed) and fault.reason == "date-outside-window":
            # Not `-=`: another thread may have put it right by the same skew.
            self.auth.clock_offset = offset - (fault.clock_skew or 0)
            return 0
        return None


def _retry_after(headers: httpx.Headers, otherwise: float) -> float:
    """Give the seconds that Retry-After says, as a number or as a date."""
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
        # Not the URL itself: it may hold a password.
        raise ValueError("A service's URL is scheme, host and port, as in https://direct.example.org.")
    return url.rstrip("/")
