"""Why a device is not there, in words a person can act on: pure deciders over what the daemon knows."""
