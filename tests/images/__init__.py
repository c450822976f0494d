"""Container images that the tests build, once for each machine."""
