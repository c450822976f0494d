"""Launchers turn job requests into jobs and say what became of them; they know nothing of sessions or applications."""
