"""Where a library user starts: settings, stores and handlers wired together around the engine."""
