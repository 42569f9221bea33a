"""The words of the daemon as frozen values, and the protocols its rooms meet in. Imports nothing of ours."""
