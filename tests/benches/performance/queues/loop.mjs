// The closed loop that all job queues are measured with: so many jobs at a time, each the next as soon as one is done. Prints one line of
// JSON for each line that it reads: how many were done in so many milliseconds, and how long they took.
import { createInterface } from "node:readline";

export const callers = Number(process.env.CALLERS);

async function measure(job, milliseconds) {
  const start = performance.now();
  const took = [];
  const caller = async () => {
    while (performance.now() - start < milliseconds) {
      const began = performance.now();
      await job();
      took.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { seconds: (performance.now() - start) / 1000, took };
}

export async function serve(job, stop) {
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await measure(job, Number(line))));
  }
  await stop();
  process.exit(0);
}

// For queues that fetch by themselves: a promise for each job, kept until its worker has it.
export class Waiting {
  #next = 0;
  #resolve = new Map();

  async run(add) {
    const id = this.#next++;
    const done = new Promise((resolve) => this.#resolve.set(id, resolve));
    await add(id);
    await done;
  }

  finish(id) {
    this.#resolve.get(id)?.();
    this.#resolve.delete(id);
  }
}
