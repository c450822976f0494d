"""Small clients of the displays' own protocols: they type, and see what comes back, without a browser's noise."""
