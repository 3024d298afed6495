"""The arguments that mortgage tools share, with the bounds of a plausible figure."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import AfterValidator, AnyHttpUrl, Field, StringConstraints
from pydantic_core import PydanticCustomError

from convonet.domains.mortgage.models import account_ending

Call = Context[Any, Any]

ApplicationId = Annotated[
    str | None,
    Field(max_length=64, description="Id of one of the caller's applications; left out, their newest open one."),
]
CreditScore = Annotated[int, Field(ge=300, le=850)]
Income = Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=2, description="Dollars a month before taxes.")]
Payment = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=2, description="Dollars a month.")]
Amount = Annotated[Decimal, Field(ge=0, le=100_000_000, decimal_places=2, description="Dollars.")]
Price = Annotated[Decimal, Field(ge=1_000, le=100_000_000, decimal_places=2, description="Dollars.")]
Rate = Annotated[Decimal, Field(ge=0, le=25, decimal_places=3, description="Percent a year, such as 6.75.")]
DebtRate = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2, description="Percent a year.")]


def _ending_only(number: str) -> str:
    ending = account_ending(number)
    if ending is None:
        raise PydanticCustomError("account_number", "the last four digits of it are needed")
    return ending


AccountNumber = Annotated[
    str,
    Field(max_length=64, description="Its last four digits; more is neither needed nor kept."),
    AfterValidator(_ending_only),
]
Years = Annotated[int, Field(ge=1, le=40)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^[^\x00]*$")]

Path = Annotated[
    str,
    StringConstraints(max_length=500, pattern=r"^[^\x00]*$"),
    Field(description="Where the caller keeps it; a note only."),
]
Url = Annotated[AnyHttpUrl, Field(max_length=500, description="Where the document can be seen; a note only.")]
