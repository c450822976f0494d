"""A real Slurm cluster on this machine, for tests and for trying things out: see `cluster.rig.Cluster`."""
