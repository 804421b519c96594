"""How blocks get from one end to the other: datagrams, and what streams need."""
