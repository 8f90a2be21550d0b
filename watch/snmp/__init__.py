"""SNMP: messages of v1, v2c and v3, and how an agent is polled with them."""
