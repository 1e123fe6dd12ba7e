"""Text from elsewhere (Moodle, a request) where it meets a terminal, a log or a database."""


def printable(text: str) -> str:
    """Replace what no database or terminal should be sent: control characters and broken encodings."""
    return "".join(each if each.isprintable() else "?" for each in text)


def printable_lines(text: str) -> str:
    """The same of a text that has lines."""
    return "\n".join(map(printable, text.splitlines()))
