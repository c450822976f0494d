"""What runs inside a job beside its program: standard library only, Python 3.6 or newer; it travels with the RunSpec."""
