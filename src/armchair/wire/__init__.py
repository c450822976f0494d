"""Messages between agent and portal. Standard library only, in syntax that Python 3.6 reads: both ends import it."""
