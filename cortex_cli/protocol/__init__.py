"""The protocol: actions, plans and the settings of the agent loop."""
