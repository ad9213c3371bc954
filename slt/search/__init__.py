"""Supermask search: masks over frozen random networks, found by gradient descent on scores."""
