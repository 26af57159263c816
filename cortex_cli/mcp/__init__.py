"""MCP servers: connections to them, what they offer, and what of that is pinned."""
