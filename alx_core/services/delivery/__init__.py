"""Delivering what the outbox holds: `outbox` takes messages out, `slack` and `mail` send them."""
