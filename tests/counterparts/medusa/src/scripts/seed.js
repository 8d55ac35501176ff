// Goods for the tests: one region, one place, two ways of delivery, milk with stock that the tests set.
// Prints a line `SEEDED` when all is there. What agents buy is a variant, by its id.
const { ContainerRegistrationKeys, Modules } = require("@medusajs/framework/utils");
const flows = require("@medusajs/medusa/core-flows");

module.exports.default = async function seed({ container }) {
  const run = async (name, input) => (await flows[name](container).run({ input })).result;
  const link = container.resolve(ContainerRegistrationKeys.LINK);
  const query = container.resolve(ContainerRegistrationKeys.QUERY);

  const [channel] = await run("createSalesChannelsWorkflow", { salesChannelsData: [{ name: "Agents" }] });
  const [store] = await container.resolve(Modules.STORE).listStores();
  await run("updateStoresWorkflow", {
    selector: { id: store.id },
    update: {
      supported_currencies: [{ currency_code: "usd", is_default: true }],
      default_sales_channel_id: channel.id,
    },
  });
  await run("createRegionsWorkflow", {
    regions: [
      { name: "US", currency_code: "usd", countries: ["us"], payment_providers: ["pp_system_default"] },
    ],
  });
  await run("createTaxRegionsWorkflow", [{ country_code: "us", provider_id: "tp_system" }]);
  const [place] = await run("createStockLocationsWorkflow", {
    locations: [{ name: "Warehouse", address: { city: "Springfield", country_code: "US", address_1: "2 Elm St" } }],
  });
  await link.create({
    [Modules.STOCK_LOCATION]: { stock_location_id: place.id },
    [Modules.FULFILLMENT]: { fulfillment_provider_id: "manual_manual" },
  });
  const [profile] = await run("createShippingProfilesWorkflow", { data: [{ name: "Default", type: "default" }] });
  const set = await container.resolve(Modules.FULFILLMENT).createFulfillmentSets({
    name: "To the door",
    type: "shipping",
    service_zones: [{ name: "US", geo_zones: [{ country_code: "us", type: "country" }] }],
  });
  await link.create({
    [Modules.STOCK_LOCATION]: { stock_location_id: place.id },
    [Modules.FULFILLMENT]: { fulfillment_set_id: set.id },
  });
  const way = (name, amount) => ({
    name,
    price_type: "flat",
    provider_id: "manual_manual",
    service_zone_id: set.service_zones[0].id,
    shipping_profile_id: profile.id,
    type: { label: name, description: name, code: name.toLowerCase() },
    prices: [{ currency_code: "usd", amount }],
    rules: [
      { attribute: "enabled_in_store", value: "true", operator: "eq" },
      { attribute: "is_return", value: "false", operator: "eq" },
    ],
  });
  await run("createShippingOptionsWorkflow", [way("Express", 15), way("Standard", 5)]);
  await run("linkSalesChannelsToStockLocationWorkflow", { id: place.id, add: [channel.id] });
  const [product] = await run("createProductsWorkflow", {
    products: [
      {
        title: "Whole milk 1 L",
        status: "published",
        shipping_profile_id: profile.id,
        options: [{ title: "Size", values: ["1 L"] }],
        variants: [
          {
            id: "milk-whole-1l",
            title: "1 L",
            sku: "MILK-1L",
            barcode: "4006381333931",
            manage_inventory: true,
            options: { Size: "1 L" },
            prices: [{ currency_code: "usd", amount: 1.79 }],
          },
        ],
        sales_channels: [{ id: channel.id }],
      },
    ],
  });
  const { data: items } = await query.graph({ entity: "inventory_item", fields: ["id"] });
  await run("createInventoryLevelsWorkflow", {
    inventory_levels: items.map((item) => ({
      location_id: place.id,
      inventory_item_id: item.id,
      stocked_quantity: 50,
    })),
  });
  if (product.variants[0].id !== "milk-whole-1l") throw new Error(`the milk is ${product.variants[0].id}`);
  console.log("SEEDED");
};
