"""Falcon resources, one module each. A responder's docstring lists its status codes."""
