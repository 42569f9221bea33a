"""config.yaml: its schema, its two writers (the owner and the daemon), and the devices in it."""
