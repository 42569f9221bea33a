"""What all tests share: deterministic property tests, and no waiting for a network beyond this machine."""

from hypothesis import settings

settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")
