"""AsyncSSH, as its users call it. See ssh_situations.py for the arguments and for what it says."""
import asyncio
import sys
import warnings

with warnings.catch_warnings(action="ignore"):
    import asyncssh


def say(*words, end="\n"):
    print(*words, end=end, file=sys.stderr, flush=True)


async def attempt(opening, done):
    try:
        await opening
        say(done, end=",")
    except (asyncssh.Error, asyncssh.ChannelListenError):
        say("refused", end=",")


async def main(host, port, user, key, situation):
    more = {"keepalive_interval": 0.5} if situation == "keepalive" else {}
    async with asyncssh.connect(host, int(port), username=user, client_keys=[key], known_hosts=None, config=None, agent_path=None, **more) as connection:
        if situation in ("right", "code", "signal", "keepalive", "terminal", "modes"):
            terminal = {"term_type": "xterm", "term_size": (77, 33)} if situation in ("terminal", "modes") else {}
            if situation == "modes":
                terminal["term_modes"] = {asyncssh.PTY_ECHO: 0, asyncssh.PTY_VERASE: 8}
            done = await connection.run(None if terminal else "anything", **terminal)
            sys.stdout.write(done.stdout)
            return say(done.exit_signal[0] if done.exit_signal else done.exit_status)
        process = await connection.create_process("anything")
        sys.stdout.write(await process.stdout.readline())
        sys.stdout.flush()
        if situation == "close":
            process.channel.close()
            await process.channel.wait_closed()
            return say("closed")
        if situation == "leaves":
            await asyncio.sleep(1000)
        if situation == "second":
            await attempt(connection.create_process("another"), "opened")
        if situation == "forward":
            await attempt(connection.open_connection("127.0.0.1", 22), "opened")
            await attempt(connection.start_server(lambda *_: None, "127.0.0.1", 0), "listening")
        process.stdin.write_eof()
        sys.stdout.write(await process.stdout.read())
        await process.wait()
        say(process.exit_status)


asyncio.run(main(*sys.argv[1:]))
