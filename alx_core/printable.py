"""Text from elsewhere (Moodle, a request) where it meets a terminal, a log or a database."""

OF_NAMES = frozenset("\u00a0\u202f\u200c\u200d")
"""No-break spaces, of French names, and joiners, of Persian and Indian ones: to Python they are not printable."""


def printable(text: str) -> str:
    """Replace what no database or terminal should be sent: control characters and broken encodings."""
    return "".join(each if each.isprintable() or each in OF_NAMES else "?" for each in text)


def printable_lines(text: str) -> str:
    """The same of a text that has lines."""
    return "\n".join(map(printable, text.splitlines()))
