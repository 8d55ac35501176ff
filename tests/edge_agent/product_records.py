"""Records in the shape that Open Food Facts documents; made up, since none could be fetched here."""

from __future__ import annotations

from typing import Any

from edge_agent.core.product_hint import ProductHint, read_product

CODE = "4006381333931"
GTIN = "04006381333931"
CSV_HEAD = "code\tlast_modified_t\tproduct_name\tquantity\tbrands\tallergens\tlabels_tags\tcountries_tags"


def record(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  # whatever a record may hold
    """One product of API v2; a line of the JSONL export has the same names."""
    return {
        "code": CODE,
        "lang": "de",
        "product_name": "Haferdrink",
        "product_name_en": "Oat drink",
        "product_name_zh": "燕麦饮料",
        "brands": "Mill Brook,Mill",
        "quantity": "1 l",
        "product_quantity": "1000",
        "product_quantity_unit": "ml",
        "allergens_tags": ["en:gluten"],
        "labels_tags": ["en:organic"],
        "countries_tags": ["en:germany"],
        "last_modified_t": 1_700_000_000,
    } | changes


def hint(**changes: Any) -> ProductHint:  # noqa: ANN401  # whatever a record may hold
    """What is read of it."""
    read = read_product(record(**changes))
    assert read is not None
    return read
