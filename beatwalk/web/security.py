"""Who may talk to the page: a token, a session, the names of this server, and limits.

Conventions
-----------
- Every request needs a session cookie or `Authorization: Bearer TOKEN`. A first visit carries the token in its query
  (`?token=`) and is answered with a cookie and a redirect, so that the token stays in no history.
- A session is a signed cookie, which JavaScript cannot read and other sites cannot send. The secret that signs it is
  kept in the user's state folder, so that a page survives a restart of the server.
- The Host header must name this server: a name that an attacker points at 127.0.0.1 (DNS rebinding) is refused.
- A request that changes something must come from this origin, or from a program that has the token.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from beatwalk.errors import SettingsError

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIN_PASSWORD = 10  # characters
SESSION_S = 30 * 24 * 3600  # how long a session lasts
TRIES, TRIES_S = 5, 60.0  # wrong passwords and tokens that an address may send in so many seconds
MAX_BODY_BYTES = 8 * 2**20  # of a request that is not an upload; 10,000 beats take 200 kB
OPEN_PATHS = ("/login", "/static/style.css")  # reachable before a session exists
SAFE_METHODS = ("GET", "HEAD")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, which no other machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def kept_secret(folder: Path) -> bytes:
    """The secret that signs sessions, made at the first start; only its owner may read the file."""
    path = folder / "session-secret"
    try:
        found = path.read_bytes()
        if len(found) == 32:
            return found
    except OSError:
        pass
    made = secrets.token_bytes(32)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made)
    except OSError:
        pass  # sessions then end with the server
    return made


@dataclass
class Guard:
    """What is needed to get in.

    Raises
    ------
    SettingsError
        Other machines could reach the server, and there is no password or a short one.
    """

    host: str  # on which the server listens
    token: str
    secret: bytes
    password: str | None = None
    clock: Callable[[], float] = time.time
    _failures: dict[str, deque[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and self.password is None:
            raise SettingsError(
                f"--host {self.host} lets other machines in, so a password is needed: set BEATWALK_PASSWORD"
            )
        if self.password is not None and len(self.password) < MIN_PASSWORD:
            raise SettingsError(f"the password has {len(self.password)} characters; take at least {MIN_PASSWORD}")

    def is_token(self, given: str) -> bool:
        """Whether somebody knows the token; takes the same time for every wrong one."""
        return hmac.compare_digest(_digest(given), _digest(self.token))

    def is_password(self, given: str) -> bool:
        """Whether somebody knows the password; takes the same time for every wrong one."""
        return self.password is not None and hmac.compare_digest(_digest(given), _digest(self.password))

    def wait_s(self, address: str) -> float:
        """Seconds until an address may try again; 0: now."""
        failed = self._failures.get(address)
        while failed and failed[0] <= self.clock() - TRIES_S:
            failed.popleft()
        return failed[0] + TRIES_S - self.clock() if failed and len(failed) >= TRIES else 0.0

    def note_failure(self, address: str) -> None:
        """Count a wrong token or password."""
        if len(self._failures) > 10_000:  # an attacker with many addresses must not fill the memory
            self._failures.clear()
        self._failures.setdefault(address, deque(maxlen=TRIES)).append(self.clock())

    def new_session(self) -> str:
        """A signed cookie's value."""
        body = f"{int(self.clock()) + SESSION_S}.{secrets.token_hex(8)}"
        return f"{body}.{self._signature(body)}"

    def is_session(self, value: str) -> bool:
        """Whether a cookie was signed here and has not run out."""
        body, _, signature = value.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            return False
        return int(body.split(".")[0]) > self.clock()

    def _signature(self, body: str) -> str:
        key = self.secret + (self.password or "").encode()  # a new password ends the sessions of the old one
        return hmac.new(key, body.encode(), "sha256").hexdigest()

    def knows_host(self, header: str) -> bool:
        """Whether a Host header names this server."""
        try:
            host = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        if is_loopback(host):
            return True
        if is_loopback(self.host):
            return False
        try:  # an address cannot be rebound; a name must be this machine's
            ipaddress.ip_address(host)
            return True
        except ValueError:
            own = socket.gethostname().lower()
            return host.lower() in (self.host.lower(), own, f"{own}.local")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class Gate:
    """The middleware in front of everything: checks each request, limits its body, and adds headers to answers."""

    def __init__(self, app: ASGIApp, guard: Guard, upload_bytes: int) -> None:
        self._app, self._guard, self._upload_bytes = app, guard, upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return None  # websockets are not spoken here
        from starlette.datastructures import Headers
        from starlette.responses import JSONResponse, RedirectResponse

        headers, guard = Headers(scope=scope), self._guard
        port = scope["server"][1] if scope.get("server") else 0
        cookie = f"beatwalk-{port}"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                named = {name.lower() for name, _ in message["headers"]}
                if b"cache-control" not in named:
                    added.append((b"cache-control", b"no-store"))
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        async def refuse(status: int, why: str, **extra: str) -> None:
            await JSONResponse({"error": why}, status, headers=extra)(scope, receive, sending)

        if not guard.knows_host(headers.get("host", "")):
            return await refuse(421, "this server does not answer to that name")
        address = scope["client"][0] if scope.get("client") else ""
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
        trusted = False
        given = bearer or (query.get("token", "") if scope["method"] in SAFE_METHODS else "")
        if given:
            if (wait_s := guard.wait_s(address)) > 0:
                return await refuse(429, "too many wrong tries; wait a minute", **{"retry-after": f"{wait_s:.0f}"})
            trusted = guard.is_token(given)
            if not trusted:
                guard.note_failure(address)
                return await refuse(401, "this is not the token; open the address that beatwalk printed")
        if trusted and not bearer and scope["path"] in ("/", "/index.html"):
            rest = urlencode([(key, value) for key, value in query.items() if key != "token"])
            answer = RedirectResponse(f"/?{rest}" if rest else "/", 303)
            answer.set_cookie(
                cookie, guard.new_session(), max_age=SESSION_S, httponly=True, samesite="strict", path="/"
            )
            return await answer(scope, receive, sending)
        scope["state"] = {**scope.get("state", {}), "guard": guard, "address": address, "cookie": cookie}
        if not trusted and scope["path"] not in OPEN_PATHS and not _has_session(headers, cookie, guard):
            if guard.password is not None and scope["path"] == "/" and scope["method"] == "GET":
                return await RedirectResponse("/login", 303)(scope, receive, sending)
            return await refuse(401, "no session; open the address that beatwalk printed")
        if scope["method"] not in SAFE_METHODS and not bearer and not _from_here(headers):
            return await refuse(403, "this request comes from another site")
        limit = self._upload_bytes if scope["path"].endswith(("/song", "/pictures")) else MAX_BODY_BYTES
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            return await refuse(413, f"larger than the {limit // 2**20} MiB that are accepted")
        await self._app(scope, _limited(receive, limit), sending)
        return None


class TooLarge(Exception):  # noqa: N818 - it is turned into an answer at once
    """A body without a stated length grew beyond its limit."""


def _limited(receive: Receive, limit: int) -> Receive:
    """Receive a body of at most `limit` bytes, whatever its headers say."""
    total = 0

    async def counting() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise TooLarge
        return message

    return counting


def _has_session(headers: Headers, cookie: str, guard: Guard) -> bool:
    jar = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
        return cookie in jar and guard.is_session(jar[cookie].value)
    except (CookieError, ValueError):
        return False


def _from_here(headers: Headers) -> bool:
    """Whether a browser says that a request comes from this very page."""
    origin = headers.get("origin", "")
    return urlsplit(origin).netloc == headers.get("host") if origin else False
