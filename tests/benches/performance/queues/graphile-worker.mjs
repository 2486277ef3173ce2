// A job is added by the library's own function and is done when the worker has called its task.
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { callers, serve, Waiting } from "./loop.mjs";

const pgPool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
const logger = new Logger(() => () => {});
const waiting = new Waiting();
const utils = await makeWorkerUtils({ pgPool, logger });
await utils.migrate();
const taskList = { job: async (payload) => waiting.finish(payload.id) };
const runner = await run({ pgPool, logger, concurrency: callers, noHandleSignals: true, taskList });
await serve(
  () => waiting.run((id) => utils.addJob("job", { id })),
  () => runner.stop(),
);
