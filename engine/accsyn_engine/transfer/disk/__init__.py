"""The one door to files below a share, and what the operating system must do for it."""
