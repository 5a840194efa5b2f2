"""List the licence of every installed package, as its metadata states it: ``python tests/licences.py``, ``make licences``."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distributions

# What may be installed beside code under Apache-2.0. Weak copyleft binds changes to those packages themselves, of which there
# are none; pyphen is under any one of three, of which MPL-1.1 is taken.
ALLOWED = re.compile(
    r"(?:MIT|MIT-0|MIT-CMU|HPND|BSD|BSD-[123]-Clause|0BSD|ISC|Zlib|Apache|Apache-2\.0"
    r"|Apache-2\.0 WITH LLVM-exception|PSF|PSF-2\.0|Python-2\.0"
    r"|CNRI-Python|MPL|MPL-1\.1|MPL-2\.0|Unlicense|CC0-1\.0|LGPL-2\.1-or-later|LGPL-3\.0-only|BSL-1\.0|ZPL-2\.1)"
)
READ = {  # in their own files, since their metadata says nothing or nothing that can be read
    "atheris": "Apache-2.0",
    "axe-playwright-python": "MIT",
    "pypdfium2": "BSD-3-Clause AND Apache-2.0",
}
_WORDS = {  # what older metadata says → the name of today
    r"MIT License|The MIT License|MIT license|Expat license": "MIT",
    r"(?:new |modified |3-clause |simplified )?BSD(?: 3-Clause| 2-Clause)?(?: License)?|BSD 3-Clause.*|BSD License": "BSD",
    r"Apache Software License|Apache License.*|Apache 2(?:\.0)?(?: License)?": "Apache",
    r"Python Software Foundation License|PSF License|Python License.*": "PSF",
    r"Mozilla Public License 2\.0 \(MPL 2\.0\)|Mozilla Public License.*": "MPL-2.0",
    r"Mozilla Public License 1\.1 \(MPL 1\.1\)": "MPL-1.1",
    r"ISC License \(ISCL\)": "ISC",
    r"The Unlicense.*": "Unlicense",
}


def stated(package: Distribution) -> str:
    """Return what a package says its licence is: the SPDX expression, the classifiers, or the first line of its field."""
    facts = package.metadata
    if facts["Name"] in READ:
        return READ[facts["Name"]]
    if expression := facts.get("License-Expression"):
        return str(expression)
    classes = [c.rpartition(" :: ")[2] for c in facts.get_all("Classifier") or [] if c.startswith("License :: ")]
    told = [c for c in classes if c != "OSI Approved"] or [str(facts.get("License") or "").strip().split("\n")[0]]
    return " OR ".join(_today(one) for one in told) or "not stated"


def allowed(licence: str) -> bool:
    """Whether all parts of an SPDX expression that bind at once are allowed; of alternatives one is enough."""
    while inner := re.search(r"\(([^()]*)\)", licence):
        licence = licence.replace(inner[0], "0BSD" if allowed(inner[1]) else "refused")
    choices = (re.split(r"\s+AND\s+", choice) for choice in re.split(r"\s+OR\s+", licence))
    return any(all(ALLOWED.fullmatch(part.strip()) for part in parts) for parts in choices)


def installed() -> dict[str, tuple[str, str]]:
    """Return version and licence of each installed package by its name, in order."""
    found = {package.metadata["Name"]: (package.version, stated(package)) for package in distributions()}
    return dict(sorted(found.items(), key=lambda one: one[0].casefold()))


def _today(words: str) -> str:
    return next((name for pattern, name in _WORDS.items() if re.fullmatch(pattern, words, re.IGNORECASE)), words)


if __name__ == "__main__":
    for name, (version, licence) in installed().items():
        print(f"{name:28} {version:16} {licence}{'' if allowed(licence) else '   <- not among those allowed'}")
