"""Pure rules: values in, decisions out. No I/O, no clock, no randomness; time is an argument (UTC epoch seconds)."""
