"""Views: events in, text out."""
