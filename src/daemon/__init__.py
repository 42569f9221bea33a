"""The program: its command line, and the one place where every room is joined to the others."""
