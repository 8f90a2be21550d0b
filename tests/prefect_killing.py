"""Our own flows, whose runs die at a point that a test names (see ``points``); as a program, the executor that serves them.

``POINTS_KILL_FILE`` holds the point's name; it is read anew at each, since runs are forked from a server that lives longer.
"""

import os
from pathlib import Path

from flows import serve

if __name__ == "__main__":
    serve.main("prefect_killing")
else:
    import points

    from flows.catalogue import FLOWS

    class Named(points.Points):
        def at(self, what: str) -> None:
            self._kill = Path(os.environ["POINTS_KILL_FILE"]).read_text(encoding="utf-8")
            super().at(what)

    points.install(Named("flow"))

    __all__ = ["FLOWS"]
