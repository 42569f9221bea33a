"""How programs ask the daemon: today the control socket of the command line, later HTTP."""
