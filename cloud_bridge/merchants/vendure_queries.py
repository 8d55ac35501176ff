"""What is asked of a Vendure shop: GraphQL of its Shop API, each document with all of an order that is read anywhere.

Every change of a basket is asked of "the active order of this session", whichever that is by then: the shop has no
other way. So each answer carries the order's code, and nothing is believed of an answer without looking at it.
Source: the schema of @vendure/core 3.7.3.
"""

from __future__ import annotations

_ORDER = """
fragment Whole on Order {
  code state active orderPlacedAt currencyCode subTotalWithTax shippingWithTax totalWithTax
  lines {
    id quantity orderPlacedQuantity proratedLinePriceWithTax
    productVariant { sku name }
    fulfillmentLines { fulfillmentId quantity }
  }
  surcharges { priceWithTax }
  shippingAddress { streetLine1 postalCode countryCode }
  billingAddress { company }
  shippingLines { shippingMethod { id } }
  payments { state amount refunds { state total } }
  fulfillments { id state }
}
"""
_RESULT = "{ __typename ...on Order { ...Whole } }"

FIND = """
query Find($sku: String!) {
  search(input: { term: $sku, take: 50, groupByProduct: false }) { items { sku productVariantId } }
  activeOrder { code }
}
"""

ACTIVE = "query Active { activeOrder { ...Whole } }" + _ORDER

ADD = (
    "mutation Add($variant: ID!, $quantity: Int!, $address: CreateAddressInput!) {"
    f"  filled: addItemToOrder(productVariantId: $variant, quantity: $quantity) {_RESULT}"
    f"  addressed: setOrderShippingAddress(input: $address) {_RESULT}"
    "}" + _ORDER
)

TOUCH = (
    "mutation Touch($line: ID!, $quantity: Int!, $address: CreateAddressInput!) {"
    f"  filled: adjustOrderLine(orderLineId: $line, quantity: $quantity) {_RESULT}"
    f"  addressed: setOrderShippingAddress(input: $address) {_RESULT}"
    "}" + _ORDER
)

EMPTY = f"mutation Empty {{ emptied: removeAllOrderLines {_RESULT} }}" + _ORDER

WAYS = "query Ways { eligibleShippingMethods { id code name priceWithTax } }"

SHIP_BY = (
    f"mutation ShipBy($way: [ID!]!) {{ priced: setOrderShippingMethod(shippingMethodId: $way) {_RESULT} }}" + _ORDER
)

MOVE = f"mutation Move($state: String!) {{ moved: transitionOrderToState(state: $state) {_RESULT} }}" + _ORDER

LOGIN = """
mutation Login($name: String!, $password: String!) {
  login(username: $name, password: $password) { __typename }
}
"""

ADOPT = """
mutation Adopt($mark: CreateAddressInput!, $name: String!, $password: String!) {
  marked: setOrderBillingAddress(input: $mark) { __typename ...on Order { code } }
  login(username: $name, password: $password) { __typename }
}
"""

PAY = f"mutation Pay($input: PaymentInput!) {{ paid: addPaymentToOrder(input: $input) {_RESULT} }}" + _ORDER

BASKET = "query Basket { activeCustomer { id } activeOrder { code totalQuantity } }"

LOOK = (
    """
query Look($code: String!) {
  activeCustomer { id }
  activeOrder { code totalQuantity }
  orderByCode(code: $code) { ...Whole }
}
"""
    + _ORDER
)

LOOK_BY_MARK = """
query LookByMark {
  activeCustomer {
    id
    orders(options: { take: 100, sort: { createdAt: DESC } }) { items { code billingAddress { company } } }
  }
}
"""
