"""Models of the configuration blocks for OpenAPI, made from their tables (`manscdp.blocks`).

Names and bounds are thereby the same in the XML and here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from gb28181.manscdp.blocks import BLOCKS, BlockType
from gb28181.manscdp.item import Real, Text, Whole
from gb28181.manscdp.table import Part, Parts, Spec, Texts, Word, table_of


def field_name(kind: BlockType) -> str:
    """`VideoParamAttribute` -> `video_param_attribute`."""
    return kind.name.lower()


def block_named(name: str) -> BlockType:
    """The other way; KeyError for none."""
    return BlockType[name.upper()]


def _model(table: type[Any], *, change: bool) -> type[BaseModel]:
    """For a change everything may be left out, and what only the device tells is not there."""
    fields: dict[str, Any] = {}
    for name, spec in table_of(table).items():
        if not (change and (spec.told or spec.secret)):
            fields[name] = (_type(spec, change), Field(None, title=spec.element))
    suffix = "Change" if change else ""
    summary = (table.__doc__ or "").split("\n")[0]
    model: type[BaseModel] = create_model(
        f"{table.__name__}{suffix}",
        __config__=ConfigDict(extra="forbid" if change else "ignore"),
        __doc__=summary,
        **fields,
    )
    return model


def _type(spec: Spec, change: bool) -> Any:
    match spec.kind:
        case Text(most):
            return Annotated[str, Field(max_length=most)] | None
        case Whole(least, most):
            return Annotated[int, Field(ge=least, le=most)] | None
        case Real(low, high):
            return Annotated[float, Field(ge=low, le=high)] | None
        case Word(words):
            return Literal[tuple(one.value for one in words)] | None
        case Part(table):
            return _model(table, change=change) | None
        case Parts(table, _, most):
            inner = _model(table, change=change)
            return Annotated[list[inner], Field(max_length=most)] | None  # type: ignore[valid-type]
        case Texts(_, most):
            return Annotated[list[str], Field(max_length=most)] | None


CHANGES: dict[BlockType, type[BaseModel]] = {
    kind: _model(table, change=True) for kind, table in BLOCKS.items()
}
"""What may be set."""

_told: dict[str, Any] = {
    field_name(kind): (_model(table, change=False) | None, None) for kind, table in BLOCKS.items()
}
ConfigBlocks = create_model(
    "ConfigBlocks",
    __doc__="The blocks a device told; null where it did not. Passwords are shown as `***`.",
    **_told,
)


def chosen(body: BaseModel) -> dict[str, Any]:
    """What a caller really set; null and absent mean: leave it."""
    return body.model_dump(exclude_unset=True, exclude_none=True)
