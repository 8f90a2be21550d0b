"""The bodies of the processes that ``up`` supervises. Each ends cleanly on SIGTERM and SIGINT."""

import json
import logging
import sys
import threading
from contextlib import closing

from domain.model import DEFAULT_WATCHER, Policy
from engine.context import open_context
from hikeshi.exits import Exit
from hikeshi.show import refuse
from hikeshi.signals import Signals

GRACE_S = 5
"""How long the ingress lets requests under way come to their end."""


def prepare() -> Exit:
    """Bring the store up to date, and say whether there is an inventory to begin with; prints which environment variables
    hold secrets, and who may have them."""
    from engine.inventory_source import InventorySource
    from engine.own_secret import ensure_credential
    from hikeshi.secrecy import secret_names
    from inventory import InventoryError
    from store import policies

    _logging(logging.WARNING)  # a person reads it
    with closing(open_context()) as context:
        context.settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        context.store.migrate()
        ensure_credential(context.settings.prefect_credential)
        if context.settings.inventory is not None:
            try:
                policy: Policy | None = InventorySource(context, context.settings.inventory).start()
            except InventoryError as error:
                print(error, file=sys.stderr)
                return Exit.BAD_INPUT
        else:
            with context.store.read() as session:
                policy = policies.current(session)
    print(json.dumps(secret_names(policy) if policy is not None else {}))
    return Exit.OK


def engine() -> Exit:
    from engine.service import run_engine

    stop, reload = _signals()
    with closing(open_context()) as context:
        run_engine(context, stop, reload)
    return Exit.OK


def watcher(name: str = DEFAULT_WATCHER) -> Exit:
    from engine.watching import watch

    stop, _ = _signals()
    with closing(open_context()) as context:
        watch(context, stop, name)
    return Exit.OK


def one_more_watcher(name: str) -> Exit:
    """Beside the one that ``up`` runs, with the same store."""
    from store import policies

    if name == DEFAULT_WATCHER:
        return refuse(f"hikeshi up runs {DEFAULT_WATCHER} itself; would be right: another segment's", Exit.USAGE)
    with closing(open_context()) as context, context.store.read() as session:
        policy = policies.current(session)
    named = {segment.watcher for segment in policy.segments.values()} - {DEFAULT_WATCHER} if policy is not None else set[str]()
    if name not in named:
        right = f"one of {', '.join(sorted(named))}" if named else "segments in the inventory that hikeshi up has accepted"
        return refuse(f"no segment names a watcher {name!r}; would be right: {right}", Exit.USAGE)
    return watcher(name)


def sealer() -> Exit:
    from engine.sealing import seal

    stop, _ = _signals()
    with closing(open_context()) as context:
        seal(context, stop)
    return Exit.OK


def hands() -> Exit:
    from engine.hands import Hands

    stop, _ = _signals()
    with closing(open_context()) as context:
        Hands(context).run(stop)
    return Exit.OK


def ingress() -> Exit:
    import uvicorn

    from engine.ingress import application

    _signals()  # the server takes them while it runs, and raises them once more when it has ended
    with closing(open_context()) as context:
        settings = context.settings
        config = uvicorn.Config(
            application(context),
            host=settings.ingress_bind,
            port=settings.ingress_port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        uvicorn.Server(config).run()
    return Exit.OK


def _signals() -> tuple[threading.Event, threading.Event]:
    """``(stop, reload)``: set by SIGTERM or SIGINT, and by SIGHUP."""
    _logging()
    stop, reload = threading.Event(), threading.Event()
    Signals().into(stop, reload)
    return stop, reload


def _logging(level: int = logging.INFO) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for name in ("alembic", "httpx", "paramiko"):
        logging.getLogger(name).setLevel(logging.WARNING)
