"""A finding's stable identity: what suppressions, baselines and other programs recognise it by.

Made from rule, relative path, normalised anchor and occurrence. Not from the line (an import added above
would bring every suppressed finding back) and not from the message (better wording would, too).

Let pass: moving a file, or changing the code in question, makes a new finding; that is meant. Of several
like findings in one file, removing an earlier one renumbers the later ones.
"""

import hashlib
import json

VERSION = 1  # change it only together with the recipe: every stored suppression depends on it


def fingerprint(rule: str, path: str, anchor: str, occurrence: int) -> str:
    """128 bits of SHA-256 over the parts, as hex. JSON keeps the parts apart, whatever they contain."""
    recipe = json.dumps([VERSION, rule, path, normalise(anchor), occurrence], ensure_ascii=True)
    return hashlib.sha256(recipe.encode("ascii")).hexdigest()[:32]


def normalise(anchor: str) -> str:
    """White space shrunk to single blanks, so that re-indenting or re-wrapping code changes nothing."""
    return " ".join(anchor.split())
