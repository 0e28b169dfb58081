"""Lines for people, on stderr."""

import sys


def tell(text: str) -> None:
    """One line on stderr, with whatever could move the cursor escaped: a file's name may carry anything."""
    from pixcli.plan import shown

    print(shown(text), file=sys.stderr, flush=True)


def complain(what: str, hint: str = "") -> None:
    """`pixcli: what (hint)` on stderr."""
    tell(f"pixcli: {what} ({hint})" if hint else f"pixcli: {what}")
