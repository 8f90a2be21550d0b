"""Entry point of ``hikeshi`` and of ``python -m hikeshi``."""

import os

from hikeshi.app import app

OURS_ONLY = 0o077
"""What is written is for the owner only: the store, logs, reports, keys."""


def main() -> None:
    os.umask(OURS_ONLY)
    try:
        app(prog_name="hikeshi")
    except Exception as error:
        from hikeshi.trouble import told

        raise SystemExit(told(error)) from error


if __name__ == "__main__":
    main()
