"""`python -m bed image | vm-image | sink | why-not | clear`."""

import argparse
import asyncio
import functools
import sys
from pathlib import Path

from bed import able, image, slot, vm_image
from bed.sink import print_mail, serve


def main() -> int:
    """Run one of the bed's commands; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m bed", description="Real hosts on one machine, for tests and the demo.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("image", help="build the guests' root file system, unless it is cached")
    commands.add_parser("vm-image", help="build what virtual machines boot, unless it is cached")
    sink = commands.add_parser("sink", help="take mail over SMTP and keep it as .eml files")
    sink.add_argument("--host", default="127.0.0.1")
    sink.add_argument("--port", type=int, required=True)
    sink.add_argument("--dir", type=Path, required=True)
    sink.add_argument("--show", action="store_true", help="print each mail as it comes")
    commands.add_parser("why-not", help="say why this machine can't run guests; exit status 0 when it can")
    commands.add_parser("clear", help="remove what beds that were killed left behind")
    chosen = parser.parse_args()
    if chosen.command == "image":
        print(image.ensure(functools.partial(print, flush=True)))
    elif chosen.command == "vm-image":
        print(vm_image.ensure(functools.partial(print, flush=True)))
    elif chosen.command == "sink":
        try:
            asyncio.run(serve(chosen.dir, chosen.host, chosen.port, print_mail if chosen.show else None))
        except KeyboardInterrupt:
            return 130
    elif chosen.command == "why-not":
        reason = able.why_not()
        print(reason or "guests can run here")
        return 0 if reason is None else 1
    else:
        slot.clear_dead()
    return 0


if __name__ == "__main__":
    sys.exit(main())
