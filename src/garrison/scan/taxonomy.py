"""What a weakness number (CWE) means in the OWASP Top 10 of 2025 and in ASVS 5.0.

Threat: one hole under three names in three tools, counted three times or filtered away by a category it lacks. Tools
say a CWE number at best, so everything else is derived from it, in one place.
Assumption: the first number of a finding is what it is about. Lets pass: numbers that are not listed get no category.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from ..findings.record import Finding

_OWASP: Final = {
    "A01:2025": (22, 23, 35, 59, 73, 200, 201, 213, 264, 284, 285, 290, 291, 348, 352, 377, 379, 425, 538, 548, 552,
                 601, 602, 615, 639, 650, 732, 862, 863, 915, 918, 1275),
    "A02:2025": (11, 16, 215, 260, 315, 346, 430, 436, 489, 520, 526, 541, 547, 605, 611, 614, 668, 693, 776, 933, 942,
                 1004, 1021),
    "A03:2025": (119, 349, 427, 829, 937, 1035, 1104, 1329, 1357, 1395),
    "A04:2025": (261, 295, 296, 310, 319, 321, 323, 324, 326, 327, 328, 329, 330, 331, 335, 338, 340, 523, 757, 759,
                 760, 780, 916, 1204, 1240, 1241),
    "A05:2025": (20, 74, 77, 78, 79, 80, 88, 89, 90, 91, 93, 94, 95, 96, 97, 98, 113, 116, 134, 155, 185, 470, 472,
                 564, 643, 644, 838, 917, 943, 1333, 1336),
    "A06:2025": (190, 250, 256, 269, 307, 311, 312, 313, 400, 434, 501, 522, 525, 598, 642, 653, 672, 730, 770, 799,
                 840),
    "A07:2025": (203, 208, 255, 259, 287, 288, 294, 300, 304, 306, 350, 384, 521, 613, 620, 640, 798),
    "A08:2025": (345, 347, 353, 426, 494, 502, 565, 784, 830),
    "A09:2025": (117, 223, 532, 778),
    "A10:2025": (209, 248, 252, 280, 369, 390, 391, 394, 396, 397, 460, 476, 497, 544, 550, 617, 636, 703, 754, 755),
}  # fmt: skip
_ASVS: Final = {
    16: "V13.4.2", 20: "V2.2.1", 22: "V5.3.2", 77: "V1.2.5", 78: "V1.2.5", 79: "V1.2.1", 80: "V1.2.1", 88: "V1.2.5",
    59: "V5.3.2", 269: "V13.3.2",
    89: "V1.2.4", 90: "V1.2.6", 94: "V1.3.2", 95: "V1.3.2", 97: "V1.3.2", 98: "V5.3.2", 113: "V4.2.4", 116: "V1.2.1",
    117: "V16.4.1", 119: "V15.2.1", 134: "V1.3.2", 155: "V1.2.5", 185: "V1.3.12", 190: "V1.4.2", 200: "V15.3.1",
    201: "V15.3.1", 203: "V6.3.8",
    208: "V11.2.4", 209: "V16.5.1", 213: "V15.3.1", 215: "V13.4.2", 250: "V13.3.2", 259: "V13.3.1", 264: "V8.2.1",
    284: "V8.2.1", 285: "V8.2.1", 287: "V6.3.4", 290: "V8.3.1", 291: "V15.3.4", 295: "V12.3.2", 306: "V8.2.1",
    307: "V6.3.1", 310: "V12.1.2",
    311: "V12.3.1", 319: "V12.3.1", 321: "V13.3.1", 323: "V11.3.4", 326: "V11.2.3", 327: "V11.3.1",
    328: "V11.4.1", 329: "V11.3.4", 330: "V11.5.1", 338: "V11.5.1", 345: "V3.5.1", 346: "V3.4.2", 347: "V9.1.1",
    348: "V15.3.4", 349: "V15.2.4", 350: "V15.3.4", 352: "V3.5.1", 377: "V5.3.2", 390: "V16.5.3", 400: "V15.2.2",
    353: "V16.4.3", 427: "V15.2.4", 430: "V3.4.4",
    434: "V5.2.2", 436: "V1.1.1", 470: "V1.3.2", 472: "V2.2.2", 489: "V13.4.2", 494: "V15.2.4",
    497: "V13.4.6", 502: "V1.5.2", 522: "V15.3.1", 525: "V14.3.2", 526: "V13.3.1", 532: "V16.2.5", 538: "V13.4.1",
    541: "V13.4.1", 548: "V13.4.3", 552: "V13.4.1", 564: "V1.2.4", 565: "V3.3.1", 598: "V14.2.1", 601: "V3.7.2",
    605: "V13.4.5", 611: "V1.5.1", 613: "V9.2.1", 614: "V3.3.1", 615: "V13.4.6", 617: "V16.5.3", 636: "V16.5.3",
    639: "V8.2.2", 642: "V2.2.2", 643: "V1.2.7", 644: "V4.1.3", 650: "V3.5.3", 653: "V15.2.5", 672: "V2.3.1",
    693: "V3.4.4", 703: "V16.5.3",
    732: "V13.3.2", 755: "V16.5.4", 770: "V15.2.2", 776: "V1.5.1", 778: "V16.3.4", 798: "V13.3.1", 829: "V15.2.4",
    838: "V1.1.2", 862: "V8.2.1", 863: "V8.2.1", 915: "V15.3.3", 916: "V11.4.2", 918: "V1.3.6", 933: "V13.4.2",
    942: "V3.4.2", 943: "V1.2.4", 1004: "V3.3.4", 1021: "V3.4.6", 1035: "V15.2.1", 1275: "V3.3.2", 1333: "V1.3.12",
    1336: "V1.3.7", 1357: "V15.2.4", 1395: "V15.2.1",
}  # fmt: skip
_WITHOUT: Final = {"check": ("A02:2025",), "licences": ("A03:2025",)}
"""Where a finding has no number: configuration that is wrong, and parts that may not be used."""
_SAID: Final = re.compile(r"ASVS 5\.0 (V\d+\.\d+\.\d+)")
_CATEGORY: Final = {number: category for category, numbers in _OWASP.items() for number in numbers}
_KIN: Final = (
    {22, 23, 35, 73}, {77, 78, 88}, {79, 80, 116}, {89, 564, 943}, {94, 95, 96, 470, 1336}, {259, 321, 798, 312, 540},
    {327, 328, 759, 760, 916}, {330, 331, 338, 340}, {295, 296}, {377, 379}, {390, 391, 396, 703, 755, 778},
    {400, 730, 1333}, {611, 776}, {614, 1004}, {617, 754},
)  # fmt: skip
"""Numbers that different tools give to one and the same mistake."""
_FAMILY: Final = {number: min(kin) for kin in _KIN for number in kin}


def owasp(cwe: tuple[int, ...]) -> tuple[str, ...]:
    """The categories of the OWASP Top 10 of 2025, in the order of the numbers."""
    return tuple(dict.fromkeys(_CATEGORY[number] for number in cwe if number in _CATEGORY))


def asvs(cwe: tuple[int, ...]) -> tuple[str, ...]:
    """The requirements of ASVS 5.0 that such a weakness breaks."""
    return tuple(dict.fromkeys(_ASVS[number] for number in cwe if number in _ASVS))


def classified(one: Finding) -> Finding:
    """The finding with the categories of its numbers, and the requirement that its own reference names."""
    found = owasp(one.cwe) or one.owasp or _WITHOUT.get(one.source, ())
    broken = dict.fromkeys((*_SAID.findall(one.reference), *asvs(one.cwe), *one.asvs))
    return replace(one, owasp=found, asvs=tuple(broken))


def family(number: int) -> int:
    """One number for all that mean the same mistake."""
    return _FAMILY.get(number, number)
