"""End-to-end tests: the product as its users start it, judged only from outside."""
