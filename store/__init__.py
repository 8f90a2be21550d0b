"""What is remembered: events, decisions, commands, attempts, leases. SQLite or PostgreSQL, the only thing the processes share."""
