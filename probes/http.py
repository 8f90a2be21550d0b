"""``http`` (C12: the status code equals) and ``url`` (C11: the body contains). GET only.

The connection always goes to the host's address; the URL's host is what is asked for (Host header, SNI, certificate). Redirects are
followed only to the same host name, never from https to http, and at most ``redirects`` times: a watched server must not be able
to send the watcher, or its password, anywhere else. What is not followed is judged as it is.
"""

from base64 import b64encode
from collections.abc import Generator
from functools import lru_cache
from urllib.parse import urljoin

from domain.model import FaultClass, Level
from domain.observation import Observation, down, up
from probes import option
from probes.charset import decoded
from probes.http_message import Malformed, Response, get, response
from probes.option import Option, Url
from probes.spec import Connect, Dialogue, Send, Spec, Talk, Target, Tls, Wish
from probes.words import quoted

MAX_BODY_BYTES = 1_048_576


def _look_status(target: Target) -> Dialogue:
    """C12."""
    expected: int = target.options["status"]
    try:
        answer, why = yield from _ask(target, body_bytes=0)
    except Malformed as error:
        return down(str(error))
    if answer.status == expected:
        return up(f"status {answer.status}")
    return down(f"status {answer.status}, expected {expected}{why}")


def _look_body(target: Target) -> Dialogue:
    """C11."""
    wanted: str = target.options["contains"]
    try:
        answer, why = yield from _ask(target, body_bytes=MAX_BODY_BYTES)
    except Malformed as error:
        return down(str(error))
    return _judge_body(answer, wanted, why)


def _judge_body(answer: Response, wanted: str, why: str) -> Observation:
    encoding = answer.headers.get(b"content-encoding", b"identity").lower()
    if encoding != b"identity":
        return down(f"the body is encoded as {quoted(encoding)}, which was not asked for")
    if wanted in decoded(answer.headers.get(b"content-type", b""), answer.body):
        return up(f"status {answer.status}")
    part = "first MiB of the body" if answer.cut else "body"
    return down(f"the {part} does not contain {_shortened(wanted)}; status {answer.status}{why}")


def _ask(target: Target, body_bytes: int) -> Generator[Wish, bytes, tuple[Response, str]]:
    """The response that counts, and why a redirect was not followed, as words to append ("" where there is nothing to say)."""
    options = target.options
    url = _url(options["url"])
    host: str = options["server_name"] or url.host or target.called
    authorization = _basic(options["auth"], target)
    left: int = options["redirects"]
    while True:
        tls = Tls(host, options["verify"], options["ca_file"]) if url.tls else None
        yield Connect(target.address, url.port, tls)
        yield Send(get(url, host, authorization))
        answer = yield from response(body_bytes)
        location = answer.headers.get(b"location")
        if answer.status not in {301, 302, 303, 307, 308} or location is None:
            return answer, ""
        onward = _onward(url, host, location)
        if isinstance(onward, str) or left == 0:
            why = (
                onward
                if isinstance(onward, str)
                else "no redirect is left"
                if options["redirects"]
                else "redirects are not followed"
            )
            return answer, f"; redirects to {quoted(location)}: {why}"
        url, left = onward, left - 1


_url = lru_cache(4096)(option.as_url)


def _onward(url: Url, host: str, location: bytes) -> Url | str:
    """Where a redirect leads, or why it is not followed."""
    name = f"[{host}]" if ":" in host else host
    try:
        onward = option.as_url(
            urljoin(f"{'https' if url.tls else 'http'}://{name}:{url.port}{url.target}", location.decode("ascii"))
        )
    except ValueError:
        return "not a URL"
    if onward.host != host.lower():
        return "another host"
    if url.tls and not onward.tls:
        return "not encrypted"
    return onward


def _basic(written: object, target: Target) -> bytes:
    if written is None:
        return b""
    auth = option.as_basic_auth(written)
    return b"Basic " + b64encode(f"{auth.user}:{target.secrets(auth.password)}".encode())


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


_OPTIONS = {
    "url": Option("URL whose host names the site, or a path on the host's own address", option.url, "/"),
    "server_name": Option("name to ask for instead of the URL's host (Host header, SNI, certificate)", option.server_name),
    "redirects": Option("how many redirects to follow, on the same host name only; 0 by default", option.integer(0, 5), 0),
    "auth": Option("basic authentication: {user: NAME, password: {env: VARIABLE}}", option.basic_auth),
    "verify": Option("whether the certificate must be valid for the name; true by default", option.boolean, True),
    "ca_file": Option("certificates (PEM) to trust instead of the system's", option.file),
}

HTTP = Spec(
    name="http",
    source="C12",
    doc="Answers a GET with the given status code",
    way=Talk(_look_status),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options={**_OPTIONS, "status": Option("status code that means OK; 200 by default", option.integer(200, 599), 200)},
)

URL = Spec(
    name="url",
    source="C11",
    doc="Answers a GET with a body that contains the given text, decoded by the response's charset",
    way=Talk(_look_body),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options={**_OPTIONS, "contains": Option("text the body must contain", option.text(500), required=True)},
)
