"""When to look, and the sockets to look through. Whoever runs the watcher hands in the store (``watch.desk``)."""
