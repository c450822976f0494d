"""Display back-ends as the portal knows them: what each needs on the node, and what the node is told."""
