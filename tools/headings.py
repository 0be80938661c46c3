"""What a heading of a page is called in a link, as GitHub does it."""
import re


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
