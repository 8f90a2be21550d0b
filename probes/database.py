"""What checks of databases share: which one is opened, by whom, and how the way there is protected (C36, C37)."""

from probes import option
from probes.option import Option


def options(port: int | None) -> dict[str, Option]:
    """Of a server whose usual port is ``port``; ``None``: the system decides."""
    return {
        "port": Option(f"TCP port; {port or '3306 or 5432, as the system has it,'} by default", option.port, port),
        "database": Option("the database to open", option.text(63), required=True),
        "login": Option("an account that may open it: {user: NAME, password: {env: VARIABLE}}", option.login, required=True),
        "tls": Option(
            "none, required, or verified; none by default. The password itself is only ever sent where it is verified",
            option.choice("none", "required", "verified"),
            "none",
        ),
        "server_name": Option("name the certificate must be valid for; by default the address", option.server_name),
        "ca_file": Option("certificates (PEM) to trust instead of the system's", option.file),
    }
