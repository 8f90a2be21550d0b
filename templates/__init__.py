"""Texts and pages as data: ``mail/{ja,en}``, ``report``. Found through the package, wherever it is installed."""
