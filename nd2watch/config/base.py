"""What all sections of a configuration have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def usable_folder(folder: Path) -> Path:
    """Return a folder.

    Raises
    ------
    ValueError
        If none can be called so.
    """
    if "\0" in str(folder):
        raise ValueError("no folder can have the character of code 0 in its name")
    try:
        folder.expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no user to whom {folder.parts[0]} belongs") from error
    return folder


Folder = Annotated[Path, AfterValidator(usable_folder)]

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, strict=True)]
Index = Annotated[int, Field(ge=0, strict=True)]
Text = Annotated[str, Field(min_length=1)]
Axis = Literal["t", "p", "z", "c"]


class Strict(BaseModel):
    """Base of all sections: unknown keys are faults, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
