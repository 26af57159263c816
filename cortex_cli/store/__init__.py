"""Where state lives: the state folder, journals."""
