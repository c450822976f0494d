"""The gateway: HAProxy's one static configuration, the tickets and certificates that it checks, and its life as a process."""
