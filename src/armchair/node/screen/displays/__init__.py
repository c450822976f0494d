"""Display servers: each keeps windows or a desktop while nobody looks, and shows them to whoever connects."""
