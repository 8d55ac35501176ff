'use strict';
// A real shop on loopback, for tests: Vendure with a SQLite file, its dummy payments, and two customers.
//   node server.js seed FOLDER         makes the database, products.csv in it, in FOLDER/shop.sqlite
//   node server.js serve FOLDER PORT   opens the shop, and says so on standard output
const path = require('node:path');
const { setTimeout } = require('node:timers/promises');
const bcrypt = require('bcrypt');
const {
    bootstrap, ChannelService, CustomerService, DefaultLogger, DefaultSearchPlugin, dummyPaymentHandler,
    JobQueueService, LogLevel, RequestContextService, SearchService, TransactionalConnection,
} = require('@vendure/core');
const Database = require('libsql');
const { populate } = require('@vendure/core/cli');

// SQLite with the interface of better-sqlite3, which would have to be compiled; it has no functions of its own, and
// Vendure wants one for filters by regular expression, which nobody uses here.
class Driver extends Database {
    function() {
        return this;
    }
}

const [, , task, folder, port] = process.argv;
const config = {
    apiOptions: { hostname: '127.0.0.1', port: Number(port || 0), adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
    authOptions: {
        tokenMethod: 'bearer',
        superadminCredentials: { identifier: 'superadmin', password: 'superadmin' },
        requireVerification: false,
        // The default spends most of a test's time on hashing.
        passwordHashingStrategy: { hash: text => bcrypt.hash(text, 4), check: (text, hash) => bcrypt.compare(text, hash) },
    },
    dbConnectionOptions: {
        type: 'better-sqlite3',
        driver: Driver,
        database: path.join(folder, 'shop.sqlite'),
        synchronize: task === 'seed',
    },
    importExportOptions: { importAssetsDir: folder },
    paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
    plugins: [DefaultSearchPlugin.init({ bufferUpdates: false, indexStockStatus: false })],
    logger: new DefaultLogger({ level: LogLevel.Error }),
};

async function seed() {
    const initialData = require('./initial-data.json');
    const app = await populate(() => bootstrap(config), initialData, path.join(__dirname, 'products.csv'));
    const ctx = await app.get(RequestContextService).create({ apiType: 'admin' });
    const channel = await app.get(ChannelService).getDefaultChannel(ctx);
    await app.get(ChannelService).update(ctx, { id: channel.id, pricesIncludeTax: true });
    for (const emailAddress of ['home@example.com', 'neighbour@example.com']) {
        const customer = { firstName: 'Our', lastName: 'Home', emailAddress };
        await app.get(CustomerService).create(ctx, customer, 'correct horse');
    }
    await fillSearchIndex(app, ctx);
    await app.close();
}

async function fillSearchIndex(app, ctx) {
    const { rawConnection } = app.get(TransactionalConnection);
    const count = async table => (await rawConnection.query(`SELECT count(*) AS n FROM ${table}`))[0].n;
    await app.get(JobQueueService).start();
    await app.get(SearchService).reindex(ctx);
    while ((await count('search_index_item')) < (await count('product_variant'))) {
        await setTimeout(20);
    }
}

async function serve() {
    const app = await bootstrap(config);
    await app.get(JobQueueService).start();
    process.stdout.write('open\n');
}

(task === 'seed' ? seed() : serve()).catch(error => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
});
