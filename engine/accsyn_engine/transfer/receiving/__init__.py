"""The receiver's half: what is wanted, put together, checked and landed."""
