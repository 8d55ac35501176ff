// The shop of `make test-medusa`: where it is reached and what it keeps come from the environment alone.
const { defineConfig } = require("@medusajs/framework/utils");

const plugin = "@financedistrict/medusa-plugin-agentic-commerce";
const origin = process.env.SHOP_ORIGIN;

module.exports = defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    databaseDriverOptions: { ssl: false, connection: { ssl: false } },
    http: {
      storeCors: origin,
      adminCors: origin,
      authCors: origin,
      jwtSecret: process.env.SHOP_JWT_SECRET,
      cookieSecret: process.env.SHOP_COOKIE_SECRET,
    },
  },
  admin: { disable: true },
  plugins: [{ resolve: plugin, options: {} }],
  modules: [
    {
      key: "agenticCommerce",
      resolve: `${plugin}/modules/agentic-commerce`,
      options: {
        api_key: process.env.SHOP_API_KEY,
        signatureKey: process.env.SHOP_WEBHOOK_SECRET,
        storefront_url: origin,
        store_name: "Restock Shop",
        payment_provider_id: "pp_system_default",
        payment_handler_adapters: [],
      },
    },
  ],
});
