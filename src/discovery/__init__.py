"""Makes the daemon findable on its LAN by mDNS (RFC 6762, RFC 6763), and finds what others announce there."""
