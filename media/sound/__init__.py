"""Sound: G.711, AAC and what is made of one another."""
