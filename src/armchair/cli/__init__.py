"""The command line: everything it does with sessions goes through the JSON API."""
