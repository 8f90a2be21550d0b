#!/usr/bin/env python3
"""check_logfile FILE KEYWORD STATE [AGAIN_S]: does a line that came since the last time hold the keyword? For a host with NRPE.

Each line is read once, also where the log was rotated meanwhile: renamed, or copied and truncated, the older files beside it and
not compressed yet. Who asks again within AGAIN_S (5) seconds is told the same once more, as the first answer may have been lost.
STATE is a file for this FILE and KEYWORD alone, in a folder that only NRPE's user may write to; the first time marks where the log
ends. Exit status: 0 none, 2 some, 3 it can't tell. Needs Python 3.6, and nothing else.
"""

import fcntl
import os
import sys
import time
from pathlib import Path

PACKED = {".gz", ".xz", ".bz2", ".zst"}


def rotated(path, truncated, inode, offset):
    """The older files with lines that were not read yet, oldest first; none where the one that was read last is gone."""
    older = [one for one in path.parent.iterdir() if one.name.startswith(path.name) and one != path and one.suffix not in PACKED]
    older.sort(key=lambda one: one.stat().st_mtime)
    for at, one in enumerate(older):
        status = one.stat()
        copied = truncated and at == len(older) - 1 and status.st_size >= offset
        if copied or (not truncated and status.st_ino == inode):
            return older[at:]
    return []


def search(log, offset, keyword):
    """The lines with the keyword, and where the next line begins: one that is still being written is left for the next time."""
    found = []
    log.seek(offset)
    for line in log:
        if not line.endswith(b"\n"):
            break
        offset += len(line)
        if keyword in line:
            found.append(line.strip().decode("utf-8", "replace"))
    return found, offset


def news(path, keyword, log, inode, offset):
    """The new lines with the keyword, where the next one begins in the log, and whether nothing was lost."""
    status = os.fstat(log.fileno())
    if status.st_ino == inode and status.st_size >= offset:
        return (*search(log, offset, keyword), True)
    found = []
    older = rotated(path, status.st_ino == inode, inode, offset)
    for at, one in enumerate(older):
        with one.open("rb") as before:
            found += search(before, 0 if at else offset, keyword)[0]
    last, offset = search(log, 0, keyword)
    return found + last, offset, bool(older)


def main(file, keyword, state, again_s="5"):
    with Path(state).open("a+") as kept, Path(file).open("rb") as log:
        fcntl.flock(kept, fcntl.LOCK_EX)  # one at a time
        kept.seek(0)
        known = kept.read().split()
        read_s = time.time()
        begin = os.fstat(log.fileno()).st_ino, os.fstat(log.fileno()).st_size
        if len(known) == 5:
            last_s, *places = float(known[0]), *map(int, known[1:])
            again = 0 <= read_s - last_s < float(again_s)
            begin = tuple(places[:2] if again else places[2:])
            read_s = last_s if again else read_s
        found, offset, whole = news(Path(file), keyword.encode(), log, *begin)
        whole = whole and len(known) in (0, 5)  # else it was cut off while it wrote
        if found:
            print(f"CRITICAL: {len(found)} new with {keyword}: {found[0]}")
        else:
            print(f"OK: no new line with {keyword}" if whole else "UNKNOWN: lines that came since the last time may be lost")
        sys.stdout.flush()
        kept.truncate(0)  # only now: who is cut off before reads a line twice rather than never
        kept.write(" ".join(map(str, (read_s, *begin, os.fstat(log.fileno()).st_ino, offset))))
    return 2 if found else 0 if whole else 3


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (OSError, TypeError, ValueError) as error:
        print(f"UNKNOWN: {error}")
        sys.exit(3)
