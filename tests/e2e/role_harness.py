"""Servers with roles (bastion-settings(5), ROLES) on a host of their own, over HTTP, CGI and SSH: /etc/bastion is the folder `etc` of the
test, and there are two more accounts, whom roles may name."""
import base64
import hashlib
import shutil

from harness import BASTION, Server, ask
from ssh_harness import AGENT_UID, SshServer, own_host

DEPLOYER, BACKUP, DOCKER = 4343, 4344, 4545  # accounts, and the group of the Docker socket

# What a role's command says: whose it is, and as whom it runs.
SAYS = 'echo x >>$T/runs; printf "%s %s %s" "$BASTION_ROLE" "$BASTION_USER" "$(id -u):$(id -G)"'
AGENT = f"{AGENT_UID}:{AGENT_UID} {DOCKER}"

ACCOUNTS = f"""
echo "deployer:x:{DEPLOYER}:{DEPLOYER}::/:/bin/false" >>/etc/passwd; echo "deployer:x:{DEPLOYER}:" >>/etc/group
echo "backup-er:x:{BACKUP}:{BACKUP}::/:/bin/false" >>/etc/passwd; echo "sockets:x:{DOCKER}:backup-er" >>/etc/group
"""


def bearer(secret):
    return f"Authorization: Bearer {secret}"


def basic(text):
    return "Authorization: Basic " + base64.b64encode(text.encode()).decode()


def token(secret, rest=""):
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()}{rest}\n"


class Roles:
    """What lies in /etc/bastion/roles; for a server that has `etc`."""

    def put(self, role, **files):
        """Puts files into a role's folder: settings by their names, `list`, `ci_token` (tokens.d/ci.token), `alice_pub` (a private
        key's path: users.d/alice.pub)."""
        folder = self.roles / role
        for name, value in files.items():
            path = folder / {"list": "allowed-commands.list"}.get(name, name)
            if name.endswith("_token"):
                path = folder / f"tokens.d/{name[:-6]}.token"
            if name.endswith("_pub"):
                path = folder / f"users.d/{name[:-4]}.pub"
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("_pub"):
                shutil.copy(f"{value}.pub", path)
            else:
                path.write_text(value)
        return folder

    @property
    def roles(self):
        return self.etc / "roles"

    def reasons(self):
        """Why logins were refused, with the role where the log has it."""
        return [(event.get("role"), event["reason"]) for event in self.events("login", verdict="deny")]


class HttpRoles(Roles, Server):
    def __init__(self, prepare=None, kind="tcpsvd", program=(BASTION, "http"), **settings):
        self.prepare, self.more = prepare, ACCOUNTS
        preset = {"HTTP_TOKEN": None, "FORCE_COMMAND": None, "RUN_DIR": None, "SSH_USER": None, "DOCKER_GROUP": str(DOCKER), "COMMAND_LOCK": "off"}
        super().__init__(kind, program=program, before=own_host, **{**preset, **settings})

    def lay_out(self):
        self.etc = self.home / "etc"
        for name in ("etc", "etc/roles", "keys", "agent"):
            (self.home / name).mkdir(0o755)
        if self.prepare:
            self.prepare(self)

    def said(self, auth, *fields, **options):
        """What the command said; or the status where it is none."""
        answer = ask(self, *fields, auth=auth, **options)
        return answer.body.decode() if answer.status == 200 else answer.status


class SshRoles(Roles, SshServer):
    def __init__(self, prepare=None, **settings):
        def begin(server):
            server.roles.mkdir()
            prepare(server)
        preset = {"FORCE_COMMAND": None, "DOCKER_GROUP": str(DOCKER), "COMMAND_LOCK": "off", "prepare": begin if prepare else None}
        super().__init__(alice=False, more=ACCOUNTS, **{**preset, **settings})
