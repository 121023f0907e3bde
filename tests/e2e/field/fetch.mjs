// Node's fetch, as its users call it. See ../clients/clients.py for the arguments.
import { createReadStream, readFileSync, writeSync } from "node:fs";

const [method, url, token, path, mode] = process.argv.slice(2);
const statuses = [];
let end = "complete";
try {
    for (let i = 0; i < (mode === "twice" ? 2 : 1); i++) {
        const options = { method, headers: { Authorization: `Bearer ${token}` } };
        if (path && mode === "chunked") Object.assign(options, { body: createReadStream(path), duplex: "half" });
        else if (path) options.body = readFileSync(path);
        const answer = await fetch(url, options);
        statuses.push(answer.status);
        if (mode === "lines") for await (const piece of answer.body) writeSync(1, piece);
        else process.stdout.write(await answer.text());
        // It takes the connection back a moment later; a second request at once would open another one.
        await new Promise(resolve => setTimeout(resolve, 50));
    }
} catch (e) {
    end = `broken ${e} ${e.cause ?? ""}`.replaceAll("\n", " ");
}
console.error(`${statuses.join(",")} ${end}`);
