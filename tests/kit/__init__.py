"""The test kit: a running daemon, and SIP peers that speak plain sockets."""
