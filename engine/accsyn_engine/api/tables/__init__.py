"""The rows of the table of events, family by family."""
