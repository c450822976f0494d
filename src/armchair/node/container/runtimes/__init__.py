"""The container runtimes: one module each behind one small port."""
