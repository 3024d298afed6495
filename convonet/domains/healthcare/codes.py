"""Codes as callers and models write them, brought to one form. A wrong form is refused in words for the caller."""

from __future__ import annotations

import re

from convonet.core.errors import DomainError


def zip_code_of(text: str) -> str:
    """Five digits; the four after them are dropped. Raises `DomainError`."""
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"[0-9]{5}(?:[0-9]{4})?", digits):
        raise DomainError(f"bad zip {text!r}", spoken="A ZIP code has five digits. Please tell me yours again.")
    return digits[:5]


def npi_of(text: str) -> str:
    """Ten digits. Raises `DomainError`."""
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"[0-9]{10}", digits):
        raise DomainError(f"bad npi {text!r}", spoken="A provider's number, the NPI, has ten digits.")
    return digits


def procedure_code_of(text: str) -> str:
    """A CPT code (`70553`, `0001A`) or HCPCS code (`E0601`). Raises `DomainError`."""
    code = re.sub(r"[\s-]", "", text).upper()
    if not re.fullmatch(r"[0-9]{4}[0-9A-Z]|[A-Z][0-9]{4}", code):
        raise DomainError(f"bad procedure {text!r}", spoken="A procedure code has five characters, such as 7 0 5 5 3.")
    return code


def diagnosis_code_of(text: str) -> str:
    """An ICD-10-CM code, with its point: `M1711` becomes `M17.11`. Raises `DomainError`."""
    code = re.sub(r"[\s.-]", "", text).upper()
    if not re.fullmatch(r"[A-Z][0-9][0-9A-Z](?:[0-9A-Z]{1,4})?", code):
        raise DomainError(f"bad diagnosis {text!r}", spoken="That is not a diagnosis code that I know the form of.")
    return code if len(code) == 3 else f"{code[:3]}.{code[3:]}"
