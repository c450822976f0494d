"""The screen of a graphical program: a display server, the program, and an HTTP front on the session's socket."""
