"""Where bindings last beyond the life of the process: kept in SQLite by a thread of their own."""
