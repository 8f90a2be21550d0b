"""What comes in over HTTP: acknowledging a page, reports and alerts, whether we are alive, how things stand. It decides nothing."""

import hmac
import html
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from domain.mass import is_segment
from domain.wording import moment, plain
from engine import listening, metrics, own_secret
from engine.context import Context
from engine.links import ExpiredError, LinkError, read_ack, read_report
from engine.requests import RefusedError, RequestError, acknowledge, known_incident, no_longer_asks
from engine.situation import state_of
from store import policies
from store.db import StoreError
from store.tables import IncidentRow

log = logging.getLogger(__name__)

AWAY = (SQLAlchemyError, StoreError)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1rem;color:#1c1917;background:#fafaf9}"
    "h1{font-size:1.4rem}button{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:.4rem;background:#b91c1c;color:#fff}"
    "@media(prefers-color-scheme:dark){body{color:#e7e5e4;background:#1c1917}}"
)


def application(context: Context) -> Starlette:
    """The ingress: ``/ack/{token}`` (GET shows, POST decides), ``/report/{token}`` for jobs, ``/health``; ``/metrics`` and
    ``/alerts`` for who has their token."""

    def show(request: Request) -> Response:
        return _answering(request, lambda: _shown(context, request.path_params["token"]))

    def decide(request: Request) -> Response:
        return _answering(request, lambda: _decided(context, request.path_params["token"]))

    def health(_request: Request) -> Response:
        try:
            with context.store.read() as session:
                session.connection()  # opened only now
        except AWAY as error:
            log.error("the store is away: %s", error)
            return JSONResponse({"status": "the store is away"}, 503, headers=HEADERS)
        return JSONResponse({"status": "ok"}, headers=HEADERS)

    def show_metrics(request: Request) -> Response:
        return _for_machines(request, context.settings.metrics_token, lambda: _metrics(context))

    def report(request: Request) -> Response:
        return _for_jobs(request, lambda: _reported(context, request))

    async def take_alerts(request: Request) -> Response:
        body = await _body(request)
        answer = partial(_alerted, context, body)
        return await run_in_threadpool(_for_machines, request, context.settings.alerts_token, answer)

    routes = [
        Route("/report/{token}", report, methods=["GET", "POST"]),
        Route("/report/{token}/fail", report, methods=["GET", "POST"], name="fail"),
        Route("/alerts", take_alerts, methods=["POST"]),
        Route("/metrics", show_metrics, methods=["GET"]),
        Route("/ack/{token}", show, methods=["GET"]),
        Route("/ack/{token}", decide, methods=["POST"]),
        Route("/health", health, methods=["GET"]),
    ]
    return Starlette(routes=routes)


def _metrics(context: Context) -> Response:
    return Response(metrics.text(context), media_type=metrics.CONTENT_TYPE, headers=HEADERS)


async def _body(request: Request) -> bytes | None:
    """``None``: it is larger than what is read."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > listening.MAX_BODY_BYTES:
            return None
    return body


def _alerted(context: Context, body: bytes | None) -> Response:
    if body is None:
        return JSONResponse({"error": f"more than {listening.MAX_BODY_BYTES} bytes"}, 413, headers=HEADERS)
    try:
        said = listening.Notification.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        wrong = f"not a notification of Alertmanager's, version 4: {where}: {first['msg']}" if where else first["msg"]
        return JSONResponse({"error": wrong}, 400, headers=HEADERS)
    return JSONResponse(listening.alerted(context, said), headers=HEADERS)


def _reported(context: Context, request: Request) -> Response:
    check = read_report(context.settings, request.path_params["token"])
    failed = request.url.path.endswith("/fail")
    listening.reported(context, check, failed=failed)
    return JSONResponse({"check": check, "heard": "failed" if failed else "ok"}, headers=HEADERS)


def _for_jobs(request: Request, answer: Callable[[], Response]) -> Response:
    try:
        return answer()
    except LinkError as error:
        log.warning("%s: a report was refused: %s", _client(request), error)
        return JSONResponse({"error": str(error)}, 400, headers=HEADERS)
    except listening.UnknownCheckError as error:
        return JSONResponse({"error": str(error)}, 404, headers=HEADERS)
    except (own_secret.OwnSecretError, OSError) as error:
        log.error("%s", error)
        return JSONResponse({"error": "the key of these URLs can't be read here; the ingress's log says why"}, 503, headers=HEADERS)
    except AWAY as error:
        log.error("the store is away: %s", error)
        return JSONResponse({"error": "the store is away; please report again"}, 503, headers=HEADERS)


def _for_machines(request: Request, token: Path, answer: Callable[[], Response]) -> Response:
    """Only for who shows the token kept in that file (RFC 6750)."""
    try:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), own_secret.ensure(token).encode()):
            log.warning("%s %s %s: without the right token", _client(request), request.method, request.url.path)
            return JSONResponse({"error": "no or wrong bearer token"}, 401, headers={**HEADERS, "WWW-Authenticate": "Bearer"})
        return answer()
    except (own_secret.OwnSecretError, OSError) as error:
        log.error("%s", error)
        return JSONResponse({"error": "the token can't be read here; the ingress's log says why"}, 503, headers=HEADERS)
    except AWAY as error:
        log.error("the store is away: %s", error)
        return JSONResponse({"error": "the store is away"}, 503, headers=HEADERS)


def _answering(request: Request, answer: Callable[[], Response]) -> Response:
    try:
        return answer()
    except RefusedError as error:
        return _page("Nothing to do", f"<p>{html.escape(str(error))}.</p>", 409)
    except ExpiredError as error:
        return _page("Expired", f"<p>{html.escape(str(error))}</p>", 410)
    except (LinkError, RequestError) as error:
        log.warning("%s %s: a link was refused: %s", _client(request), request.method, error)
        return _page("Refused", f"<p>{html.escape(str(error))}</p>", 400)
    except own_secret.OwnSecretError as error:
        log.error("%s", error)
        return _page("Not now", "<p>The key of these links can't be read; please use the command line.</p>", 503)
    except AWAY as error:
        log.error("the store is away: %s", error)
        return _page("Not now", "<p>The store is away; nothing was changed. Please try again, or use the command line.</p>", 503)


def _client(request: Request) -> str:
    return request.client.host if request.client is not None else "somebody"


def _shown(context: Context, token: str) -> Response:
    ack = read_ack(context.settings, token, context.clock.now_s())
    row = known_incident(context, ack.incident)
    if over := no_longer_asks(context, row, ack.page):
        return _page(row.id, f"<p>{html.escape(over)}</p>")
    form = '<form method="post"><button>I take it / 対応します</button></form>'
    about = f"<p>Lv.{row.level} on <b>{html.escape(row.host)}</b>, for {html.escape(ack.operator)}.</p>"
    return _page(row.id, f"{about}<p>{'<br>'.join(map(html.escape, _trouble(context, row)))}</p>{form}")


def _trouble(context: Context, row: IncidentRow) -> list[str]:
    """What fails, whose it is and since when: whoever is woken decides by it."""
    with context.store.read() as session:
        incident, policy = state_of(session, row.host).incident, policies.current(session)
    customer = policy.customers.get(row.customer) if policy is not None else None
    name, zone = (customer.name, customer.zone) if customer is not None else (row.customer, "UTC")
    faults = incident.faults if incident is not None and incident.id == row.id else ()
    fails = [f"{fault.check}: {plain(fault.detail)}" if fault.detail else fault.check for fault in faults]
    since = f"since {moment(row.fault_at_s, zone, 'en')}"
    if is_segment(row.host):
        return [f"mass outage, hosts unreachable: {', '.join(fault.detail for fault in faults)}", since]
    return [*fails, f"Customer: {name}", since]


def _decided(context: Context, token: str) -> Response:
    ack = read_ack(context.settings, token, context.clock.now_s())
    answer = acknowledge(context, incident=ack.incident, by=ack.operator, via="link", page=ack.page)
    said = "It is yours; nobody else is woken." if answer.decided else "Written down; the engine will take it up when it is back."
    return _page(ack.incident, f"<p>{said}</p>")


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    safe = html.escape(title)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{safe}</title><style>{_STYLE}</style>'
    return HTMLResponse(f'<!doctype html><html lang="en">{head}<h1>{safe}</h1>{body}', status, headers=HEADERS)
