"""Files as a whole: what every room that keeps one does alike."""
