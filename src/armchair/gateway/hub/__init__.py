"""The hub: where the gateway can't reach nodes, agents connect out to it, and it carries the gateway's connections to them."""
