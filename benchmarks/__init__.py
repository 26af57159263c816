"""What cortex costs beside others; see README.md."""
