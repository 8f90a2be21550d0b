"""``python -m reports PATH``: reads an IncidentReport as JSON from standard input and writes its PDF.

A process of its own, so that the one that asks for reports stays small. The file appears whole or not at all.
Exit 0 written; 2 the input is no report; 3 a font is missing.
"""

import os
import sys
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from reports.incident import IncidentReport

INPUT_MAX_BYTES = 16 * 1024 * 1024


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m reports PATH < report.json", file=sys.stderr)  # noqa: T201  # a command's own words
        return 2
    from reports.pdf import FontMissingError, render  # noqa: PLC0415  # heavy

    try:
        report = TypeAdapter(IncidentReport).validate_json(sys.stdin.buffer.read(INPUT_MAX_BYTES), strict=False)
        write(Path(arguments[0]), render(report))
    except ValidationError as error:
        print(f"not an incident report: {error}", file=sys.stderr)  # noqa: T201  # as above
        return 2
    except FontMissingError as error:
        print(error, file=sys.stderr)  # noqa: T201  # as above
        return 3
    return 0


def write(path: Path, content: bytes) -> None:
    """Into a neighbour first, then under its name; readable by its owner and group."""
    neighbour = path.with_name(f".{path.name}.writing")
    descriptor = os.open(neighbour, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    neighbour.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
