"""Ways that letters can take: e-mail and webhooks. Browsers are told by the pages' event stream."""
