// npm's ssh2, as its users call it. See ../clients/ssh_situations.py for the arguments and for what it says.
const fs = require("fs");
const { Client } = require("ssh2");

const [host, port, username, file, situation] = process.argv.slice(2);
const say = words => fs.writeSync(2, words);
const client = new Client();
const attempt = (begin, done) => new Promise(resolve => begin(error => { say((error ? "refused" : done) + ","); resolve(); }));

function run(error, stream) {
    if (error) return say(`failed: ${error}`);
    let begun = false;
    let result = "";
    stream.on("data", async piece => {
        fs.writeSync(1, piece);
        if (begun) return;
        begun = true;
        if (situation === "close") stream.close();
        if (situation === "second") await attempt(done => client.exec("another", done), "opened");
        if (situation === "forward") {
            await attempt(done => client.forwardOut("127.0.0.1", 1, "127.0.0.1", 22, done), "opened");
            await attempt(done => client.forwardIn("127.0.0.1", 0, done), "listening");
        }
        if (situation === "second" || situation === "forward") stream.end();
    });
    stream.on("exit", (code, signal) => { result = signal ? signal.replace("SIG", "") : `${code}`; });
    stream.on("close", () => { say(situation === "close" ? "closed" : result); client.end(); });
}

client.on("ready", () => {
    if (situation === "terminal") client.shell({ term: "xterm", rows: 33, cols: 77 }, run);
    else if (situation === "modes") client.shell({ term: "xterm", modes: { ECHO: 0, VERASE: 8 } }, run);
    else client.exec("anything", run);
}).on("error", error => { say(`failed: ${error}`); process.exit(1); }).connect({
    host, port, username, privateKey: fs.readFileSync(file), ...(situation === "keepalive" ? { keepaliveInterval: 300, keepaliveCountMax: 3 } : {}),
});
