"""The model and its decisions: plain data and pure functions, without clock, socket, file, log or random source."""
