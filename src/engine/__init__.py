"""The only door between Python and the C++ core."""
