"""Open Food Facts, asked for one product: a whole answer about that very product, or none.

Source: Open Food Facts API v2, `GET /api/v2/product/{barcode}`: `status` 1 with `product`, or 0 where it has none.
"""

from __future__ import annotations

from pydantic_core import from_json

from edge_agent.adapters.egress import ProductEgress
from edge_agent.core import gs1
from edge_agent.core.product_hint import ProductHint, read_product
from edge_agent.errors import ProductsUnreachableError

_OK, _NOT_FOUND = 200, 404


class OpenFoodFacts:
    """Fulfils `pipeline.products.ProductSource`."""

    def __init__(self, gate: ProductEgress) -> None:
        self._gate = gate

    async def product(self, gtin14: str) -> ProductHint | None:
        """What it tells of a product; None: it has none of this number, or nothing of use.

        Raises: ProductsUnreachableError for every other answer, that it is asked too often included.
        """
        answer = await self._gate.ask(gs1.shown(gtin14))
        if answer.status_code not in {_OK, _NOT_FOUND}:
            raise ProductsUnreachableError(f"it answered with status {answer.status_code}")
        try:
            told = from_json(answer.body, allow_inf_nan=False)
        except ValueError as exc:
            raise ProductsUnreachableError("its answer is no JSON") from exc
        match told:
            case {"status": 0}:  # said by itself: any page that is not there has the status 404
                return None
            case {"status": 1, "product": dict(product)}:
                hint = read_product({"code": told.get("code"), **product})
                if hint is not None and hint.gtin14 != gtin14:
                    raise ProductsUnreachableError("it answered about another product")
                return hint
            case _:
                raise ProductsUnreachableError("its answer has not the form that was agreed on")
