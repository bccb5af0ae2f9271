"""The integer widths of the protocol; a number that does not fit is refused with 400."""

from typing import Annotated

from msgspec import Meta

__all__ = ["Int32", "Int64"]

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
