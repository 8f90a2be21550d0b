"""Real database servers that a test starts for itself, on free ports of both loopbacks: MariaDB and PostgreSQL."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import fixtures_postgres
import psycopg
from real_servers import PASSWORD, Certificates, free_ports, running

DATABASE, ACCOUNT = "shop", "watch"

_MARIADB = f"""
CREATE DATABASE {DATABASE}; CREATE DATABASE other;
CREATE USER '{ACCOUNT}'@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('{PASSWORD}');
GRANT SELECT ON {DATABASE}.* TO '{ACCOUNT}'@'%';
CREATE TABLE {DATABASE}.articles (body LONGTEXT); INSERT INTO {DATABASE}.articles VALUES (REPEAT('x', 3000000));
ANALYZE TABLE {DATABASE}.articles;
CREATE DATABASE unseen; CREATE TABLE unseen.articles (id INT); GRANT EXECUTE ON unseen.* TO '{ACCOUNT}'@'%';
INSTALL SONAME 'auth_ed25519';
CREATE USER 'elsewise'@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{PASSWORD}');
"""
_SMALL = ("--innodb-buffer-pool-size=8M", "--innodb-log-file-size=8M", "--innodb-use-native-aio=0")
"""It shares the machine with all other tests, and needs no more of the kernel than files."""


@contextmanager
def mariadb(certs: Certificates) -> Iterator[int]:
    """Its port. ``watch`` may open ``shop`` with ``PASSWORD``; ``elsewise`` logs in by a method that is not known here."""
    with _folder("mysql") as folder:
        as_user = _as("mysql")
        data = folder / "data"
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", "--skip-name-resolve", "--force"]
        done = subprocess.run([*as_user, *install, *_SMALL], check=False, capture_output=True, text=True, cwd=folder)
        if done.returncode != 0:
            raise RuntimeError(f"mariadb-install-db: {done.stdout}{done.stderr}")
        (folder / "init.sql").write_text("\n".join(line for line in _MARIADB.replace("; ", ";\n").splitlines() if line))
        key = _key(folder, certs, "mysql")
        [port] = free_ports(1)
        argv = [
            *(
                "mariadbd",
                "--no-defaults",
                f"--datadir={data}",
                f"--socket={folder}/s",
                f"--port={port}",
                f"--init-file={folder}/init.sql",
            ),
            *("--bind-address=127.0.0.1,::1", f"--ssl-cert={key}", f"--ssl-key={key}", "--skip-name-resolve"),
            *("--skip-log-bin", f"--pid-file={folder}/pid", *_SMALL),
        ]
        with running([*as_user, *argv], port):
            yield port


@contextmanager
def postgresql(certs: Certificates) -> Iterator[int]:
    """Its port. ``watch`` may open ``shop`` with ``PASSWORD`` (SCRAM); ``clear`` is asked for its password as it is."""
    with _folder("postgres") as folder:
        programs, data, as_user = fixtures_postgres.programs(), folder / "data", fixtures_postgres.unprivileged()
        initdb = [str(programs / "initdb"), "--pgdata", str(data), "--username=hikeshi", "--auth=trust", "--locale=C", "-N"]
        subprocess.run([*as_user, *initdb], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        (data / "pg_hba.conf").write_text(
            "local all all trust\nhost all clear 127.0.0.1/32 password\nhost all all 127.0.0.1/32 scram-sha-256\n"
            "host all all ::1/128 scram-sha-256\n"
        )
        key = _key(folder, certs, "postgres")
        [port] = free_ports(1)
        settings = {
            "listen_addresses": "127.0.0.1,::1",
            "port": port,
            "ssl": "on",
            "ssl_cert_file": key,
            "ssl_key_file": key,
            "fsync": "off",
            "shared_buffers": "1MB",
        }
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with running(
            [*as_user, str(programs / "postgres"), "-D", str(data), "-k", str(folder), *given],
            port,
            partial(_takes_sessions, folder),
        ):
            with psycopg.connect(host=str(folder), port=port, user="hikeshi", dbname="postgres", autocommit=True) as own:
                own.execute(f"CREATE DATABASE {DATABASE}".encode())
                for user in (ACCOUNT, "clear"):
                    own.execute(f"CREATE USER {user} PASSWORD '{PASSWORD}'".encode())
                own.execute(b"CREATE DATABASE other")
                own.execute(b"REVOKE CONNECT ON DATABASE other FROM PUBLIC")
                own.execute(b"CREATE DATABASE unseen")
                psycopg.connect(host=str(folder), port=port, user="hikeshi", dbname="unseen", autocommit=True).execute(
                    b"REVOKE EXECUTE ON FUNCTION pg_database_size(name) FROM PUBLIC"
                ).connection.close()
            yield port


def _takes_sessions(folder: Path, port: int) -> bool:
    try:
        psycopg.connect(host=str(folder), port=port, user="hikeshi", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _folder(user: str) -> Iterator[Path]:
    """Of that user's own; a socket's path must be short."""
    folder = Path(tempfile.mkdtemp(prefix="hikeshi-db-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, user, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as(user: str) -> Sequence[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"] if os.geteuid() == 0 else []


def _key(folder: Path, certs: Certificates, user: str) -> Path:
    """The good certificate with its key, as these servers want it: their own, and nobody else's."""
    key = folder / "key.pem"
    shutil.copy(certs.good, key)
    key.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(key, user, user)
    return key
