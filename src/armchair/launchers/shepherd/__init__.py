"""The process that keeps one local job. Standard library only: it starts in milliseconds and outlives the portal."""
