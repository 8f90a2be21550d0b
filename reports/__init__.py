"""Reports on paper (P2, P3): plain data in, PDF bytes out. Importing this is cheap; rendering is not, and has a process of its own
(``python -m reports``)."""

from reports.incident import ClockSet, IncidentReport, Moment, Omission, Sent, What, Work, encode

__all__ = ["ClockSet", "IncidentReport", "Moment", "Omission", "Sent", "What", "Work", "encode"]
