"""What a simulated device answers: questions in, bodies and deeds out; no sockets, no clock."""
