// A job is sent, fetched and completed: its own worker looks for jobs twice a second at most.
import PgBoss from "pg-boss";
import { serve } from "./loop.mjs";

const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, max: 20 });
boss.on("error", () => {});
await boss.start();
await boss.createQueue("job");
await serve(
  async () => {
    await boss.send("job", { text: "contact" });
    const [job] = await boss.fetch("job");
    if (job) await boss.complete("job", job.id);
  },
  () => boss.stop({ graceful: false }),
);
