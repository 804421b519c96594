"""The sender's half: what is listed, read, and sent again."""
