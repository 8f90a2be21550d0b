"""What holds in every order of events: walked exhaustively, and drawn at random."""
