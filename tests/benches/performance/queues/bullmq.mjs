// A job is added and is done when the worker has called its processor. Redis writes each change to the disk before it answers.
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { callers, serve, Waiting } from "./loop.mjs";

const connect = () => new Redis(Number(process.env.REDIS_PORT), "127.0.0.1", { maxRetriesPerRequest: null });
const waiting = new Waiting();
const queue = new Queue("job", { connection: connect() });
const finish = async (job) => waiting.finish(job.data.id);
const worker = new Worker("job", finish, { connection: connect(), concurrency: callers });
await worker.waitUntilReady();
await serve(
  () => waiting.run((id) => queue.add("job", { id })),
  () => worker.close(true),
);
