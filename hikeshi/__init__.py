"""The command line, the supervisor of all processes (``up``), and the demonstration."""
