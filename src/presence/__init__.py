"""Presence: one state of each address, its documents in every event package, publications, lists, who may watch."""
