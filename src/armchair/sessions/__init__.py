"""The use cases: launch, stop, join, report, show; and the one reconciler that carries them out."""
