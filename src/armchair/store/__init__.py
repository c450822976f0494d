"""Keeps sessions, logins and grants in a database in the portal's home."""
