"""How the two ends find each other, prove themselves and talk."""
